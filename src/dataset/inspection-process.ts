import type { ModelSettings } from '../models/open-build.js';
import { openModels } from './face-models.js';
import { type InspectionSettings, inspectWith } from './inspection.js';
import { serveBatches } from './worker.js';

/** What a worker that inspects is told. */
export interface InspectionSetup {
  readonly models: ModelSettings;
  readonly settings: InspectionSettings;
}

// The process that looks at the files of a set. Started by `inspectSet` only.
serveBatches(async ({ models, settings }: InspectionSetup, warnings) =>
  inspectWith(await openModels(models), warnings, settings),
);
