import { MovePlans } from './move-plan.js';
import { holding, workFolderOf } from './work-folder.js';

/** What came back. */
export interface RestoreReport {
  readonly set: string;
  readonly dryRun: boolean;
  readonly restored: number;
  /** Images whose place another file has taken; they stay where they are. */
  readonly blocked: readonly string[];
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
    const plans = new MovePlans(folder);
    await plans.finishInterrupted();
    const { restored, blocked } = await plans.undo(options.reasons, options.dryRun);
    return { set: folder.set, dryRun: options.dryRun, restored, blocked };
  });
}
