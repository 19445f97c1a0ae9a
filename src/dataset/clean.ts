import { join, relative } from 'node:path';
import type { Config } from '../config/schema.js';
import { chooseFaceModels } from './face-models.js';
import { inspectSet } from './inspect-set.js';
import {
  CLEAN_REASONS,
  type CleanReason,
  type Judgement,
  type JudgementRules,
  judgeSet,
} from './judgement.js';
import { MovePlans } from './move-plan.js';
import { listMovable } from './set-listing.js';
import { holding, workFolderOf, writeReport } from './work-folder.js';

/** How to clean a set. */
export interface CleanOptions extends Omit<JudgementRules, 'cosines'> {
  readonly set: string;
  readonly config: Config;
  readonly dryRun: boolean;
  readonly workers: number;
  readonly onProgress?: (done: number, total: number) => void;
  /** Told what an interrupted command had left to do. */
  readonly onNote?: (what: string) => void;
  readonly signal?: AbortSignal;
}

/** What was found and done; written to `<set>.faceeval/clean-report.json`. */
export interface CleanReport extends Judgement {
  readonly schema: 1;
  readonly set: string;
  readonly dryRun: boolean;
  readonly images: number;
  readonly identities: number;
  /** Images of which an earlier run had kept what it found. */
  readonly recalled: number;
  readonly counts: Readonly<Record<CleanReason, number>>;
  /** Images that were moved; none in a dry run. */
  readonly moved: number;
  /** Images that were not, because they are not there under their names. */
  readonly notMoved: readonly string[];
  /** Where rejected images are, or would be. */
  readonly rejectedTo: string;
  /** Files and folders where no image belongs; left alone. */
  readonly strays: readonly string[];
  readonly seconds: number;
}

/**
 * Looks at every image of a set and moves aside those that a training is better off without; see
 * {@link judgeSet} for the rules. Nothing is deleted: {@link MovePlans} can undo it.
 *
 * @throws FaceEvalError USAGE, STORE, MODEL or VISION; the signal's reason when it was aborted.
 */
export async function cleanSet(options: CleanOptions): Promise<CleanReport> {
  const { set, config, dryRun, workers, onProgress, onNote, signal } = options;
  const startMs = performance.now();
  await listMovable(set);
  const folder = workFolderOf(set);
  return holding(folder, async () => {
    const plans = new MovePlans(folder);
    await plans.finishInterrupted(dryRun, onNote);
    const listing = await listMovable(folder.set);
    const models = await chooseFaceModels(config);
    const { files, recalled } = await inspectSet({
      listing,
      folder,
      models,
      settings: { aligned: options.aligned },
      workers,
      ...(onProgress !== undefined && { onProgress }),
      ...(signal !== undefined && { signal }),
    });
    const judgement = judgeSet(files, { ...options, cosines: models.cosines });
    const { rejections } = judgement;
    const moves = rejections.map(({ path, reason, detail }) => ({
      from: join(folder.set, path),
      to: join(folder.rejected, reason, path),
      reason,
      detail,
    }));
    const { moved, notFound } = await plans.move('clean', dryRun ? [] : moves);
    const report: CleanReport = {
      schema: 1,
      set: folder.set,
      dryRun,
      images: listing.files.length,
      identities: listing.identities.length,
      recalled,
      counts: countsOf(rejections),
      moved: moved.length,
      notMoved: notFound.map((path) => relative(folder.set, path)),
      rejectedTo: folder.rejected,
      strays: listing.strays,
      ...judgement,
      seconds: (performance.now() - startMs) / 1000,
    };
    writeReport(folder, 'clean-report.json', report);
    return report;
  });
}

function countsOf(rejections: Judgement['rejections']): Record<CleanReason, number> {
  const count = (reason: CleanReason) =>
    rejections.filter((rejection) => rejection.reason === reason).length;
  return Object.fromEntries(CLEAN_REASONS.map((reason) => [reason, count(reason)])) as Record<
    CleanReason,
    number
  >;
}
