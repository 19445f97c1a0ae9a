import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Journal } from './journal.js';
import type { SetFile, SetListing } from './set-listing.js';
import type { WorkFolder } from './work-folder.js';
import { runPool } from './worker-pool.js';

/** Files that a worker takes at once, and whose faces are embedded in one run. */
const BATCH = 8;
/** Files whose size and time are asked for at once. */
const STAT_AHEAD = 256;

/** What to do with every file of a set. */
export interface JournaledWork<Setup, Item, Result> {
  readonly listing: SetListing;
  readonly folder: WorkFolder;
  readonly journalName: string;
  /** Everything that results depend on besides the files. */
  readonly method: string;
  readonly module: string;
  readonly setup: (folder: string) => Setup;
  readonly itemOf: (file: SetFile) => Item;
  /**
   * Whether a result that was kept still holds: a file that it made may have been removed since, and
   * what could not be read may be readable by now.
   */
  readonly holds?: (file: SetFile, result: Result) => boolean;
  /** What to say of a file that ends every process that works on it. */
  readonly fatal: (reason: string) => Result;
  readonly workers: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** A file of a set and what came of it. */
export interface FileResult<Result> extends SetFile {
  readonly sizeBytes: number;
  readonly result: Result;
}

interface StampedFile extends SetFile {
  readonly stamp: string;
  readonly sizeBytes: number;
}

/**
 * Works on the files of a set in processes and keeps each result in a journal, so that a run that
 * was stopped or killed goes on where it was.
 *
 * @returns Results in the order of the listing. `recalled` of them came from the journal.
 * @throws FaceEvalError STORE, MODEL or VISION; the signal's reason when it was aborted.
 */
export async function workThroughSet<Setup, Item, Result>(
  work: JournaledWork<Setup, Item, Result>,
): Promise<{ readonly files: FileResult<Result>[]; readonly recalled: number }> {
  const { listing, folder, onProgress, signal, holds = () => true } = work;
  const journal = await Journal.open<Result>(join(folder.path, work.journalName), work.method);
  try {
    const all = await stampFiles(listing);
    const todo = all.filter((file) => {
      const known = journal.recall(file.path, file.stamp);
      return known === undefined || !holds(file, known);
    });
    const recalled = all.length - todo.length;
    let done = recalled;
    onProgress?.(done, all.length);
    const note = (files: readonly StampedFile[], results: readonly Result[]) => {
      journal.append(
        files.map(({ path, stamp }, index) => ({ path, stamp, value: results[index] as Result })),
      );
      done += files.length;
      onProgress?.(done, all.length);
    };
    const fileOf = new Map<Item, StampedFile>(todo.map((file) => [work.itemOf(file), file]));
    await runPool<Setup, Item, Result>({
      module: work.module,
      setup: work.setup,
      items: [...fileOf.keys()],
      workers: work.workers,
      batchSize: BATCH,
      folder: folder.scratch,
      onResults: (items, results) =>
        note(
          items.map((item) => fileOf.get(item) as StampedFile),
          results,
        ),
      onFatal: (item, reason) => note([fileOf.get(item) as StampedFile], [work.fatal(reason)]),
      ...(signal !== undefined && { signal }),
    });
    const files = all.map(({ stamp, ...file }) => ({
      ...file,
      result: journal.recall(file.path, stamp) as Result,
    }));
    return { files, recalled };
  } finally {
    journal.close();
  }
}

async function stampFiles({ root, files }: SetListing): Promise<StampedFile[]> {
  const stamped: StampedFile[] = [];
  for (let first = 0; first < files.length; first += STAT_AHEAD) {
    const some = files.slice(first, first + STAT_AHEAD).map(async (file) => {
      // A link to nowhere is listed; reading it will say what is wrong.
      const { size, mtimeMs } = await stat(join(root, file.path)).catch(() => ({
        size: 0,
        mtimeMs: 0,
      }));
      return { ...file, sizeBytes: size, stamp: `${size} ${Math.round(mtimeMs)}` };
    });
    stamped.push(...(await Promise.all(some)));
  }
  return stamped;
}
