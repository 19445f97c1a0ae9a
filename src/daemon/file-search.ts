import { fork } from 'node:child_process';

/** A file that was searched for what was deleted. */
export interface SearchedFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Pieces of the person's data that are in it still. */
  readonly traces: number;
}

/** What the process that searches is asked. */
export interface FileSearch {
  readonly paths: readonly string[];
  readonly traces: readonly Buffer[];
}

/** What it answers. */
export type FileSearchAnswer =
  | { readonly searched: readonly SearchedFile[] }
  | { readonly failure: string };

/** A card reads gigabytes in this time; a process that hangs must not hold the copies for ever. */
const TIMEOUT_MS = 600_000;
/** The compiled one also where tests run this file from its source. */
const SCRIPT = new URL('../../dist/daemon/file-search-process.js', import.meta.url);

/**
 * Searches files for traces, in a process of its own: to close any descriptor of a file drops all
 * locks that this process has on it. SQLite would lose those of the open database, and the next
 * command that closes it would delete the log that this process still writes to.
 *
 * @throws Error when a file cannot be read, or no process can be had; a file that is gone meanwhile is
 *   left out.
 */
export function searchFiles(search: FileSearch): Promise<readonly SearchedFile[]> {
  return new Promise((resolve, reject) => {
    const child = fork(SCRIPT, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
      timeout: TIMEOUT_MS,
    });
    child.once('message', (answer: FileSearchAnswer) => {
      if ('searched' in answer) resolve(answer.searched);
      else reject(new Error(answer.failure));
    });
    // Where there is none it fails twice, at its start and at the question.
    child.on('error', reject);
    // Later than its answer, if it gave one.
    child.once('close', (code, signal) => {
      reject(new Error(`the search of the files ended with ${signal ?? `exit code ${code}`}`));
    });
    child.send(search);
  });
}
