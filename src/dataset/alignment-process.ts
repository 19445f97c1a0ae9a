import type { ModelSettings } from '../models/open-build.js';
import { type AlignmentSettings, alignWith } from './alignment-worker.js';
import { openModels } from './face-models.js';
import { serveBatches } from './worker.js';

/** What a worker that aligns is told. */
export interface AlignmentSetup {
  readonly models: ModelSettings;
  readonly settings: AlignmentSettings;
}

// The process that cuts faces out. Started by `alignSet` only.
serveBatches(async ({ models, settings }: AlignmentSetup, warnings) =>
  alignWith(await openModels(models), warnings, settings),
);
