import { join, relative } from 'node:path';
import { type Move, MovePlans } from './move-plan.js';
import { byIdentity, listMovable, UNLABELLED } from './set-listing.js';
import { holding, workFolderOf, writeReport } from './work-folder.js';

/** What was done; written to `<set>.faceeval/prune-report.json`. */
export interface PruneReport {
  readonly schema: 1;
  readonly set: string;
  readonly dryRun: boolean;
  readonly minImages: number;
  /** Identities that went, with how many of their files. */
  readonly pruned: readonly { readonly identity: string; readonly images: number }[];
  /** Images that should have gone, but are not there under their names. */
  readonly notMoved: readonly string[];
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
  /** Told what an interrupted command had left to do. */
  readonly onNote?: (what: string) => void;
}): Promise<PruneReport> {
  const { set, minImages, dryRun, onNote } = options;
  await listMovable(set);
  const folder = workFolderOf(set);
  return holding(folder, async () => {
    const plans = new MovePlans(folder);
    await plans.finishInterrupted(dryRun, onNote);
    const { files } = await listMovable(folder.set);
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
    const { moved, notFound } = await plans.move('prune', dryRun ? [] : moves);
    const gone = new Set((dryRun ? moves : moved).map(({ from }) => relative(folder.set, from)));
    const kept = files.filter(({ path }) => !gone.has(path));
    const report: PruneReport = {
      schema: 1,
      set: folder.set,
      dryRun,
      minImages,
      pruned: few
        .map(([identity, images]) => ({
          identity,
          images: images.filter(({ path }) => gone.has(path)).length,
        }))
        .filter(({ images }) => images > 0),
      notMoved: notFound.map((path) => relative(folder.set, path)),
      kept: { identities: byIdentity(kept).size, images: kept.length },
      rejectedTo: folder.rejected,
    };
    writeReport(folder, 'prune-report.json', report);
    return report;
  });
}
