import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { FaceEvalError } from '../domain/errors.js';
import { openDatabase } from './database.js';
import { DAEMON_LOCK, lockFolder } from './folder-lock.js';

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
  // Two daemons with one state folder would tell every hit twice, and get in each other's way when
  // they write.
  const unlock = lockFolder(stateDir, DAEMON_LOCK);
  if (unlock === undefined) {
    throw new FaceEvalError('STORE', `another faceeval works with ${stateDir} already`, {
      hint: '`faceeval status` shows it; give this one another stateDir',
    });
  }
  try {
    const { db, repair, postponed, converted } = await openDatabase(stateDir, encryption, true);
    for (const said of [repair, postponed]) if (said !== undefined) log.error(said);
    if (converted !== undefined) log.info(converted);
    const close = () => {
      db.close();
      unlock();
    };
    return { db, repair, close };
  } catch (error) {
    unlock();
    throw error;
  }
}
