import type { Config } from '../config/schema.js';
import { chooseFaceModels } from './face-models.js';
import { type InspectedFile, inspectSet } from './inspect-set.js';
import { listSet } from './set-listing.js';
import { holding, workFolderOf } from './work-folder.js';

/**
 * Looks at the photographs of a set and moves nothing. What is found is kept for `clean`.
 *
 * @throws FaceEvalError USAGE, STORE, MODEL or VISION; the signal's reason when it was aborted.
 */
export async function inspectFaces(
  set: string,
  options: {
    readonly config: Config;
    readonly workers: number;
    readonly onProgress?: (done: number, total: number) => void;
    readonly signal?: AbortSignal;
  },
): Promise<readonly InspectedFile[]> {
  const { config, ...more } = options;
  const listing = await listSet(set);
  const folder = workFolderOf(set);
  return holding(folder, async () => {
    const models = await chooseFaceModels(config);
    const settings = { aligned: false };
    return (await inspectSet({ listing, folder, models, settings, ...more })).files;
  });
}
