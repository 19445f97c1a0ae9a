import { join } from 'node:path';
import { type Move, MovePlans } from './move-plan.js';
import { byIdentity, listSet, UNLABELLED } from './set-listing.js';
import { holding, workFolderOf, writeReport } from './work-folder.js';

/** What was done; written to `<set>.faceeval/prune-report.json`. */
export interface PruneReport {
  readonly schema: 1;
  readonly set: string;
  readonly dryRun: boolean;
  readonly minImages: number;
  /** Identities that went, with how many files they had. */
  readonly pruned: readonly { readonly identity: string; readonly images: number }[];
  readonly kept: { readonly identities: number; readonly images: number };
  readonly rejectedTo: string;
}

/**
 * Moves aside the identities with fewer than `minImages` files; faces without a label stay. The
 * seed's tool also deletes those with exactly that many, though it says fewer.
 *
 * @throws FaceEvalError USAGE or STORE.
 */
export async function pruneSet(options: {
  readonly set: string;
  readonly minImages: number;
  readonly dryRun: boolean;
}): Promise<PruneReport> {
  const { set, minImages, dryRun } = options;
  await listSet(set);
  const folder = workFolderOf(set);
  return holding(folder, async () => {
    const plans = new MovePlans(folder);
    await plans.finishInterrupted();
    const { files } = await listSet(folder.set);
    const groups = [...byIdentity(files)];
    const few = groups.filter(
      ([identity, images]) => identity !== UNLABELLED && images.length < minImages,
    );
    const moves = few.flatMap(([, images]): Move[] =>
      images.map(({ path }) => ({
        from: join(folder.set, path),
        to: join(folder.rejected, 'too-few-images', path),
        reason: 'too-few-images',
        detail: `${images.length} of at least ${minImages} images`,
      })),
    );
    if (!dryRun) await plans.move('prune', moves);
    const report: PruneReport = {
      schema: 1,
      set: folder.set,
      dryRun,
      minImages,
      pruned: few.map(([identity, images]) => ({ identity, images: images.length })),
      kept: { identities: groups.length - few.length, images: files.length - moves.length },
      rejectedTo: folder.rejected,
    };
    writeReport(folder, 'prune-report.json', report);
    return report;
  });
}
