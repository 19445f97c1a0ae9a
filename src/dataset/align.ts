import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/schema.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { AlignmentSetup } from './alignment-process.js';
import type { AlignmentItem, AlignmentOutcome, AlignmentSettings } from './alignment-worker.js';
import { chooseFaceModels } from './face-models.js';
import { Journal } from './journal.js';
import { workThroughSet } from './journaled-pool.js';
import { listSet, type SetFile } from './set-listing.js';
import {
  holding,
  refuseOverlap,
  resolveNamed,
  type WorkFolder,
  workFolderOf,
  writeReport,
} from './work-folder.js';

/** Changes when faces are cut out in another way, or other things are kept about them. */
const VERSION = 2;
const JOURNAL = 'align.jsonl';

const MODULE = fileURLToPath(new URL('./alignment-process.js', import.meta.url));

/** How to align a set. */
export interface AlignOptions {
  readonly set: string;
  /** Folder of the new set, made when missing. */
  readonly out: string;
  readonly settings: AlignmentSettings;
  readonly config: Config;
  readonly workers: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** An image that no face was cut out of. */
export interface LeftOut {
  readonly path: string;
  readonly reason: Exclude<AlignmentOutcome['kind'], 'aligned'>;
  readonly detail: string;
}

/** What was done; written to `<out>.faceeval/align-report.json`. */
export interface AlignReport {
  readonly schema: 1;
  readonly set: string;
  readonly out: string;
  readonly settings: AlignmentSettings;
  readonly images: number;
  readonly aligned: number;
  /** Aligned faces that others stood beside. */
  readonly chosenOfSeveral: number;
  /** Images that an earlier run had done. */
  readonly recalled: number;
  /** Faces of an earlier run that were removed because their images are gone. */
  readonly removed: number;
  readonly leftOut: readonly LeftOut[];
  readonly seconds: number;
}

/**
 * Makes a set of aligned faces from a set of photographs, as the training reads it.
 *
 * @throws FaceEvalError USAGE when the folder holds faces that were aligned in another way, STORE,
 *   MODEL or VISION; the signal's reason when it was aborted.
 */
export async function alignSet(options: AlignOptions): Promise<AlignReport> {
  const { settings, config, workers, onProgress, signal } = options;
  const startMs = performance.now();
  const listing = await listSet(options.set);
  const folder = makeFolder(options.out, listing.root);
  return holding(folder, async () => {
    const models = await chooseFaceModels(config);
    const method = `${VERSION} ${listing.root} ${JSON.stringify(settings)} ${models.method}`;
    await refuseOtherFaces(folder, method);
    const targets = targetsOf(listing.files);
    const targetOf = ({ path }: SetFile) => targets.get(path) as string;
    const removed = await removeOwnerless(folder, method, targets);
    const { files, recalled } = await workThroughSet<
      AlignmentSetup,
      AlignmentItem,
      AlignmentOutcome
    >({
      listing,
      folder,
      journalName: JOURNAL,
      method,
      module: MODULE,
      setup: (stateDir) => ({ models: models.settingsFor(stateDir), settings }),
      itemOf: (file) => ({
        from: join(listing.root, file.path),
        out: folder.set,
        target: targetOf(file),
      }),
      holds: (file, outcome) => {
        if (outcome.kind === 'unreadable') return outcome.passing !== true;
        if (outcome.kind !== 'aligned') return true;
        const target = targetOf(file);
        return outcome.target === target && existsSync(join(folder.set, target));
      },
      fatal: (reason) => ({ kind: 'unreadable', reason, passing: true }),
      workers,
      ...(onProgress !== undefined && { onProgress }),
      ...(signal !== undefined && { signal }),
    });
    for (const file of files) {
      // A process that ended could not remove what an earlier version of the image had.
      if (file.result.kind !== 'aligned') removeFace(folder.set, targetOf(file));
    }
    const aligned = files.flatMap(({ result }) => (result.kind === 'aligned' ? [result] : []));
    const report: AlignReport = {
      schema: 1,
      set: listing.root,
      out: folder.set,
      settings,
      images: files.length,
      aligned: aligned.length,
      chosenOfSeveral: aligned.filter(({ faces }) => faces > 1).length,
      recalled,
      removed,
      leftOut: files.flatMap(({ path, result }) => leftOut(path, result)),
      seconds: (performance.now() - startMs) / 1000,
    };
    writeReport(folder, 'align-report.json', report);
    return report;
  });
}

function makeFolder(out: string, set: string): WorkFolder {
  const target = resolveNamed(out);
  refuseOverlap(target, set, 'give a folder beside the set, such as data/my_set_align');
  try {
    mkdirSync(target, { recursive: true });
  } catch (cause) {
    throw new FaceEvalError('STORE', `cannot make ${out}: ${messageOf(cause)}`, { cause });
  }
  return workFolderOf(target);
}

async function refuseOtherFaces(folder: WorkFolder, method: string): Promise<void> {
  const known = await Journal.methodOf(join(folder.path, JOURNAL));
  if (known === method || readdirSync(folder.set).length === 0) return;
  throw new FaceEvalError('USAGE', `${folder.set} holds files that were not made this way`, {
    hint: 'give another folder, or remove it first: one set must not mix alignments or sources',
  });
}

/**
 * Removes faces that an earlier run made of images that are gone, or that have another target now: as
 * when `1.jpg` went and `1.png` beside it takes its name.
 *
 * @returns Of how many the image is gone.
 */
async function removeOwnerless(
  folder: WorkFolder,
  method: string,
  targets: ReadonlyMap<string, string>,
): Promise<number> {
  const journal = await Journal.open<AlignmentOutcome>(join(folder.path, JOURNAL), method);
  try {
    const ownerless = journal.entries().flatMap(({ path, value }) => {
      if (value.kind !== 'aligned' || targets.get(path) === value.target) return [];
      return [{ path, target: value.target }];
    });
    for (const { target } of ownerless) removeFace(folder.set, target);
    // Whatever has that name from now on is none of ours.
    journal.forget(ownerless.map(({ path }) => path));
    return ownerless.filter(({ path }) => !targets.has(path)).length;
  } finally {
    journal.close();
  }
}

function removeFace(out: string, target: string): void {
  const path = join(out, target);
  try {
    rmSync(path, { force: true });
    const identity = dirname(path);
    if (existsSync(identity) && readdirSync(identity).length === 0) rmdirSync(identity);
  } catch (cause) {
    throw new FaceEvalError('STORE', `cannot remove ${path}: ${messageOf(cause)}`, {
      hint: 'its image is gone or has no face: set the rights right and give the command again',
      cause,
    });
  }
}

/**
 * `<identity>/<stem>.jpg` for each file; where `1.png` and `1.jpg` lie side by side, the later one
 * keeps its extension in its name.
 */
export function targetsOf(files: readonly SetFile[]): Map<string, string> {
  const targets = new Map<string, string>();
  const taken = new Set<string>();
  for (const { path, identity, file } of files) {
    const extension = extname(file);
    const stem = file.slice(0, file.length - extension.length);
    let target = join(identity, `${stem}.jpg`);
    for (let n = 1; taken.has(target); n++) {
      target = join(identity, `${stem}-${extension.slice(1)}${n === 1 ? '' : n}.jpg`);
    }
    taken.add(target);
    targets.set(path, target);
  }
  return targets;
}

function leftOut(path: string, outcome: AlignmentOutcome): LeftOut[] {
  if (outcome.kind === 'aligned') return [];
  const detail =
    outcome.kind === 'unreadable'
      ? outcome.reason
      : outcome.kind === 'no-face'
        ? 'no face was found'
        : `${outcome.faces} faces`;
  return [{ path, reason: outcome.kind, detail }];
}
