import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { FaceEvalError } from '../domain/errors.js';
import { storeError } from '../domain/store-error.js';
import { openDatabase } from './database.js';

const LOCK_FILE = 'daemon.lock';

/** The database of a daemon that no other daemon works with. */
export interface OpenedAlone {
  readonly db: Database;
  /** Sentence for the health when a damaged file was set aside. */
  readonly repair?: string | undefined;
  /** Closes the database; only then another daemon may start. */
  readonly close: () => void;
}

/**
 * Opens the database for a daemon, and says in the log what had to be done for it.
 *
 * @throws FaceEvalError STORE when another daemon works with the folder, and as `openDatabase`.
 */
export async function openAlone(
  { stateDir, encryption }: Pick<Config, 'stateDir' | 'encryption'>,
  log: Logger,
): Promise<OpenedAlone> {
  const lock = takeLock(stateDir);
  try {
    const { db, repair, postponed, converted } = await openDatabase(stateDir, encryption);
    for (const said of [repair, postponed]) if (said !== undefined) log.error(said);
    if (converted !== undefined) log.info(converted);
    const close = () => {
      db.close();
      lock.close();
    };
    return { db, repair, close };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/**
 * Two daemons with one state folder would tell every hit twice, and get in each other's way when
 * they write. The lock of an empty SQLite file ends with its process, however that ends.
 */
function takeLock(stateDir: string): Database {
  const path = join(stateDir, LOCK_FILE);
  const umask = process.umask(0o077);
  let lock: Database | undefined;
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    lock = new Sqlite(path, { timeout: 0 });
    chmodSync(path, 0o600);
    // Nothing is ever written: a journal beside it would only be left behind.
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock?.close();
    if ((cause as { code?: string }).code?.startsWith('SQLITE_BUSY') !== true) {
      throw storeError(`the state folder ${stateDir} cannot be locked`, cause);
    }
    throw new FaceEvalError('STORE', `another faceeval works with ${stateDir} already`, {
      hint: '`faceeval status` shows it; give this one another stateDir',
      cause,
    });
  } finally {
    process.umask(umask);
  }
}
