import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FaceModels } from './face-models.js';
import type { Finding } from './finding.js';
import type { InspectionSettings } from './inspection.js';
import type { InspectionSetup } from './inspection-process.js';
import { type FileResult, type JournaledWork, workThroughSet } from './journaled-pool.js';

/** Changes when findings are made in another way. */
const VERSION = 3;

const MODULE = fileURLToPath(new URL('./inspection-process.js', import.meta.url));

/** A file of a set with what was found. */
export type InspectedFile = FileResult<Finding>;

/** How to look at a set. */
export interface InspectSetOptions
  extends Pick<
    JournaledWork<unknown, unknown, unknown>,
    'listing' | 'folder' | 'workers' | 'onProgress' | 'signal'
  > {
  readonly models: FaceModels;
  readonly settings: InspectionSettings;
}

/**
 * Looks at every file of a set, or recalls what an earlier run found of it.
 *
 * @throws As {@link workThroughSet}.
 */
export function inspectSet({
  models,
  settings,
  ...work
}: InspectSetOptions): Promise<{ readonly files: InspectedFile[]; readonly recalled: number }> {
  return workThroughSet<InspectionSetup, string, Finding>({
    ...work,
    journalName: 'findings.jsonl',
    method: `${VERSION} ${JSON.stringify(settings)} ${models.method}`,
    module: MODULE,
    setup: (stateDir) => ({ models: models.settingsFor(stateDir), settings }),
    itemOf: ({ path }) => join(work.listing.root, path),
    holds: (_file, finding) => finding.kind !== 'broken' || finding.passing !== true,
    fatal: (reason) => ({ kind: 'broken', reason, passing: true }),
  });
}
