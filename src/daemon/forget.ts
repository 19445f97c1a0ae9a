import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Identity } from '../domain/records.js';
import { storeError } from '../domain/store-error.js';
import {
  type ErasedRows,
  eraseForgotten,
  eraseIdentity,
  rowsAbout,
  tracesOf,
} from '../gallery/erasure.js';
import { ForgottenLedger } from '../gallery/forgotten.js';
import { Backups } from './backups.js';
import { type SearchedFile, searchFiles } from './file-search.js';
import { replaceCopies, rewriteAll } from './gallery-copies.js';
import { inTurn } from './store-queue.js';

/** Proof that a person is forgotten, or where something is left. */
export interface ForgetReport {
  readonly identity: Identity;
  readonly erased: ErasedRows;
  /** Backups and damaged databases that were deleted; a new backup took their place. */
  readonly deletedFiles: readonly string[];
  readonly searched: readonly SearchedFile[];
  /** Rows that name the person still. */
  readonly rowsLeft: number;
  /** Nothing is left in any row or file. */
  readonly complete: boolean;
}

export interface ForgetOptions {
  readonly db: Database;
  readonly stateDir: string;
  /** Cosine from which a stranger counts as the person. */
  readonly threshold: number;
  /** The rows are gone: whoever keeps the gallery in memory should read it anew. */
  readonly onErased?: () => void;
}

const CHECKPOINT_TRIES = 20;
const CHECKPOINT_PAUSE_MS = 100;
/** A daemon beside us notices within a second that the person is gone; until then it may write. */
const DAEMON_NOTICES_MS = 1_500;

/**
 * Erases a person from everything in the state folder and searches all of it for remains: rows,
 * crops, the write-ahead log, backups and damaged files. Retained messages are the MQTT side's.
 *
 * @throws FaceEvalError STORE when something cannot be written; the person is in the ledger of
 *   forgotten people then, and is erased by the daemon within the hour, or at the next start.
 */
export function forgetPerson(identity: Identity, options: ForgetOptions): Promise<ForgetReport> {
  return inTurn(options.stateDir, () => forget(identity, options));
}

/**
 * Erases who is back with a restored backup.
 *
 * @returns Who may be in other files still, after a power cut, say; or somebody is forgotten now.
 */
export function eraseAgain(db: Database, stateDir: string): readonly string[] {
  const ledger = new ForgottenLedger(stateDir);
  eraseForgotten(db, ledger.ids());
  return ledger.unfinished();
}

/**
 * As {@link eraseAgain}, and ends what a power cut or a full disk interrupted. Nobody else may be
 * forgotten meanwhile.
 *
 * @returns How many were left over.
 */
export async function finishForgetting(db: Database, stateDir: string): Promise<number> {
  const ledger = new ForgottenLedger(stateDir);
  const unfinished = eraseAgain(db, stateDir);
  if (unfinished.length === 0) return 0;
  await rewriteAll(db, stateDir, 'after-forget');
  for (const id of unfinished) ledger.finish(id);
  return unfinished.length;
}

async function forget(
  identity: Identity,
  { db, stateDir, threshold, onErased }: ForgetOptions,
): Promise<ForgetReport> {
  const traces = tracesOf(db, identity.id);
  const ledger = new ForgottenLedger(stateDir);
  ledger.add(identity.id);
  try {
    const erased = eraseIdentity(db, identity.id, threshold);
    onErased?.();
    await pause(DAEMON_NOTICES_MS);
    eraseIdentity(db, identity.id, threshold);
    await emptyLog(db);
    const deletedFiles = await replaceCopies(db, stateDir, 'after-forget');
    let searched = await searchFiles({ paths: filesOf(stateDir), traces });
    if (searched.some((file) => file.traces > 0)) {
      // SQLite may leave copies in the gaps of pages that it rearranged: write them all anew.
      db.exec('VACUUM');
      await emptyLog(db);
      await replaceCopies(db, stateDir, 'after-forget');
      searched = await searchFiles({ paths: filesOf(stateDir), traces });
    }
    const rowsLeft = rowsAbout(db, identity.id);
    const complete = rowsLeft === 0 && searched.every((file) => file.traces === 0);
    if (complete) ledger.finish(identity.id);
    return { identity, erased, deletedFiles, searched, rowsLeft, complete };
  } catch (error) {
    throw storeError(`${identity.name} could not be erased everywhere`, error);
  }
}

/** Copies the log into the database and cuts it to nothing; waits for readers. */
async function emptyLog(db: Database): Promise<void> {
  for (let n = 0; n < CHECKPOINT_TRIES; n++) {
    const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    if (result?.busy === 0) return;
    await pause(CHECKPOINT_PAUSE_MS);
  }
}

/** Database, log, backups, and whatever else lies beside them, whoever put it there. */
function filesOf(stateDir: string): string[] {
  const ledger = new ForgottenLedger(stateDir).path;
  return [stateDir, new Backups(stateDir).folder]
    .flatMap((folder) => readdirSync(folder, { withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path !== ledger);
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
