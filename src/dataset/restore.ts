import { MovePlans, type Undone } from './move-plan.js';
import { holding, workFolderOf } from './work-folder.js';

/** What came back. */
export interface RestoreReport extends Undone {
  readonly set: string;
  readonly dryRun: boolean;
}

/**
 * Moves what `clean`, `prune` and `split` moved back to where it was.
 *
 * @throws FaceEvalError STORE when a file cannot be moved.
 */
export async function restoreSet(options: {
  readonly set: string;
  /** Only images moved for one of these reasons; all when absent. */
  readonly reasons?: ReadonlySet<string>;
  readonly dryRun: boolean;
}): Promise<RestoreReport> {
  const folder = workFolderOf(options.set);
  return holding(folder, async () => {
    const undone = await new MovePlans(folder).undo(options.reasons, options.dryRun);
    return { set: folder.set, dryRun: options.dryRun, ...undone };
  });
}
