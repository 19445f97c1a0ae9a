import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { type Move, type Moved, MovePlans } from './move-plan.js';
import { byIdentity, listMovable, listSet, type SetFile, UNLABELLED } from './set-listing.js';
import { copyWhole } from './whole-file.js';
import { holding, refuseOverlap, resolveNamed, workFolderOf, writeReport } from './work-folder.js';

/** How to split a set. */
export interface SplitOptions {
  readonly set: string;
  /** Folder of the part that is split off; empty or not there yet. */
  readonly to: string;
  readonly imagesPerIdentity: number;
  readonly seed: number;
  /** Leave the set whole and copy. */
  readonly copy: boolean;
  readonly dryRun: boolean;
  /** Told what an interrupted command had left to do. */
  readonly onNote?: (what: string) => void;
}

/** What was done; written to `<set>.faceeval/split-report.json`. */
export interface SplitReport {
  readonly schema: 1;
  readonly set: string;
  readonly to: string;
  readonly seed: number;
  readonly imagesPerIdentity: number;
  readonly copied: boolean;
  readonly dryRun: boolean;
  /** Images split off, below the set. */
  readonly images: readonly string[];
  /** Images that were drawn, but are not there under their names. */
  readonly notMoved: readonly string[];
  readonly identities: number;
  /** Identities that have no image to spare: they stay whole. */
  readonly leftWhole: readonly string[];
}

/**
 * Splits `imagesPerIdentity` images of each identity off, at least one stays. Which ones depends on
 * the seed and on the names of the identity's files alone: other identities may come and go.
 *
 * @throws FaceEvalError USAGE or STORE.
 */
export async function splitSet(options: SplitOptions): Promise<SplitReport> {
  const { set, imagesPerIdentity, seed, copy, dryRun, onNote } = options;
  const list = copy ? listSet : listMovable;
  await list(set);
  const folder = workFolderOf(set);
  const to = resolveNamed(options.to);
  return holding(folder, async () => {
    const plans = new MovePlans(folder);
    const command = `split --images-per-identity ${imagesPerIdentity} --seed ${seed} --to ${to}`;
    const ended = (await plans.finishInterrupted(dryRun, onNote)).find(
      (plan) => plan.command === command,
    );
    refuseOverlap(to, folder.set, 'give a folder beside the set with --to');
    const { files } = await list(folder.set);
    const groups = [...byIdentity(files)].filter(([identity]) => identity !== UNLABELLED);
    const rich = groups.filter(([, images]) => images.length > imagesPerIdentity);
    const drawn = rich.flatMap(([, images]) => drawImages(images, imagesPerIdentity, seed));
    const drawnMoves = drawn.map(
      ({ path }): Move => ({
        from: join(folder.set, path),
        to: join(to, path),
        reason: 'split',
        detail: `drawn with seed ${seed}`,
      }),
    );
    // A split that was killed was ended above; drawing again would take as many once more.
    let moves: readonly Move[] = ended?.moves ?? drawnMoves;
    let notFound: readonly string[] = [];
    if (ended === undefined) refuseOtherFiles(to, copy ? drawnMoves : []);
    if (ended === undefined && !dryRun) {
      const work = copy ? copyAll(moves) : plans.move(command, moves);
      ({ moved: moves, notFound } = await work);
    }
    const images = moves.map((move) => relative(folder.set, move.from));
    const split = new Set(images.map(dirname));
    const report: SplitReport = {
      schema: 1,
      set: folder.set,
      to,
      seed,
      imagesPerIdentity,
      copied: copy,
      dryRun,
      images,
      notMoved: notFound.map((path) => relative(folder.set, path)),
      identities: split.size,
      leftWhole: groups
        .filter(([, group]) => !group.some(({ path }) => split.has(dirname(path))))
        .map(([identity]) => identity),
    };
    writeReport(folder, 'split-report.json', report);
    return report;
  });
}

async function copyAll(moves: readonly Move[]): Promise<Moved> {
  // Of a link to nowhere there is nothing to copy.
  const moved = moves.filter(({ from }) => existsSync(from));
  for (const { from, to } of moved) {
    await copyWhole(from, to).catch((cause) => {
      throw new FaceEvalError('STORE', `cannot copy ${from}: ${messageOf(cause)}`, {
        hint: 'set right what is in the way and give the command again: it goes on from here',
        cause,
      });
    });
  }
  const done = new Set(moved);
  return { moved, notFound: moves.filter((move) => !done.has(move)).map(({ from }) => from) };
}

/** Draws files by the order of a hash, which needs no generator whose state others could move. */
export function drawImages(
  images: readonly SetFile[],
  count: number,
  seed: number,
): readonly SetFile[] {
  const drawn = images
    .map((image) => ({
      image,
      lot: createHash('sha256').update(`${seed}/${image.path}`).digest('hex'),
    }))
    .sort((a, b) => (a.lot < b.lot ? -1 : 1))
    .slice(0, count);
  const chosen = new Set(drawn.map(({ image }) => image));
  return images.filter((image) => chosen.has(image));
}

/** What an interrupted copy left there is no hindrance. */
function refuseOtherFiles(to: string, expected: readonly Move[]): void {
  if (!existsSync(to)) return;
  const ours = new Set(expected.map((move) => relative(to, move.to)));
  const others = readdirSync(to, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(to, join(entry.parentPath, entry.name)))
    .filter((path) => !ours.has(path) && !ours.has(path.replace(/\.partial$/, '')));
  if (others.length === 0) return;
  throw new FaceEvalError('USAGE', `${to} holds other files already, such as ${others[0]}`, {
    hint: 'give another folder with --to, or undo an earlier split with `faceeval data restore`',
  });
}
