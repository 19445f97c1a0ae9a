import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { storeError } from '../domain/store-error.js';

/** Held by a daemon for as long as it works with a state folder. */
export const DAEMON_LOCK = 'daemon.lock';
/** Held by whoever makes or deletes copies of the database. */
export const COPIES_LOCK = 'copies.lock';

/**
 * Takes a lock of a state folder, unless somebody has it, in this process or in another. The lock
 * of an empty SQLite file ends with its process, however that ends.
 *
 * @param name Of the lock's file, which is made when it is missing.
 * @returns Gives the lock back; undefined when somebody else has it.
 * @throws FaceEvalError STORE when the file cannot be made.
 */
export function lockFolder(stateDir: string, name: string): (() => void) | undefined {
  const path = join(stateDir, name);
  const umask = process.umask(0o077);
  let lock: Database | undefined;
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    lock = new Sqlite(path, { timeout: 0 });
    chmodSync(path, 0o600);
    // Nothing is ever written: a journal beside it would only be left behind.
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
    const held = lock;
    return () => held.close();
  } catch (cause) {
    lock?.close();
    if ((cause as { code?: string }).code?.startsWith('SQLITE_BUSY') === true) return undefined;
    throw storeError(`the state folder ${stateDir} cannot be locked`, cause);
  } finally {
    process.umask(umask);
  }
}
