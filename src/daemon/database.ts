import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { isNoSpace, storeError } from '../domain/store-error.js';
import { Backups, damageOf, syncFile } from './backups.js';
import { type EncryptionChoice, endCleaning, type Unlocked, unlock } from './encryption.js';
import { DAEMON_LOCK, lockFolder } from './folder-lock.js';
import { eraseAgain, finishForgetting } from './forget.js';
import { DATABASE_FILE, PARTIAL_DATABASE, rewriteAll } from './gallery-copies.js';
import { migrate, SCHEMA_VERSION } from './migrations.js';
import { requireOwner } from './state-owner.js';
import { ifMyTurn } from './store-queue.js';

export type { Database } from 'better-sqlite3';

/**
 * Bytes of a page of a new database. A hit changes two pages, each written to the log and later to
 * the file: small pages halve what an SD card has to take (docs/storage.md).
 */
const PAGE_BYTES = 1_024;
/**
 * Pages that SQLite keeps in memory. better-sqlite3 is built with 16 MB, which fill with the first
 * ten thousand hits and are never read again: a daemon's memory would grow for days.
 */
const CACHE_KIB = 2_048;
/** The log is copied into the file when it has so many pages. */
const CHECKPOINT_PAGES = 4_096;

/** The opened database, and what had to be done to open it. */
export interface OpenedDatabase {
  readonly db: Database;
  /** Sentence for the log and health when a damaged file was set aside. */
  readonly repair?: string;
  /** Sentence for the log when there was no room for what has to be done, and is tried again. */
  readonly postponed?: string;
  /** Sentence for the log when what was there was encrypted, or decrypted. */
  readonly converted?: string;
}

/**
 * Opens the database of a state folder; makes folder (0700) and file (0600) when they are missing.
 * A damaged file is set aside and the newest good backup takes its place; who was forgotten since it
 * was made is erased from it. Faces are encrypted or decrypted if the configuration asks for it now
 * and did not before.
 *
 * @param encryption Of the configuration; what is encrypted is refused without it.
 * @param isAlone Whether the caller holds the lock of the daemon.
 * @throws FaceEvalError STORE when the folder cannot be written or is another user's, a newer version
 *   wrote the file, the key is the wrong one, or the file is damaged and in use; CONFIG when the key
 *   is missing.
 */
export async function openDatabase(
  stateDir: string,
  encryption?: EncryptionChoice,
  isAlone = false,
): Promise<OpenedDatabase> {
  const path = databasePath(stateDir);
  const backups = new Backups(stateDir);
  // A daemon may be root's own wherever its folder comes from, as in a container.
  if (!isAlone) requireOwner(stateDir);
  makeFolder(stateDir, backups);
  const repair = isAlone ? repairDamage(stateDir, backups) : repairDamageAlone(stateDir, backups);
  const db = openFile(path);
  try {
    configure(db);
    await bringUpToDate(db, path, backups);
    assertWritable(db);
    const { converted, cleaning } = await unlock(db, encryption);
    let replaced = 0;
    const postponed = await unlessFull(async () => {
      if (eraseAgain(db, stateDir).length === 0 && !cleaning) return;
      // Whose turn it is may be about to forget: what they write must not be deleted by a command.
      await ifMyTurn(stateDir, async () => {
        await finishForgetting(db, stateDir);
        if (!cleaning) return;
        replaced = await rewriteAll(db, stateDir, 'after-encryption');
        endCleaning(db);
      });
    });
    return {
      db,
      ...(postponed !== undefined && { postponed }),
      ...(repair !== undefined && { repair }),
      ...(converted !== undefined && { converted: describe(converted, replaced) }),
    };
  } catch (error) {
    db.close();
    throw storeError(`the database ${path} cannot be used`, error);
  }
}

/**
 * Who sees hits must not go without them because there is no room to delete somebody everywhere.
 *
 * @returns What to say when there was none.
 */
async function unlessFull(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!isNoSpace(error)) throw error;
    const what = 'what was to be deleted from every file is in some still';
    return `${what}: free some disk space; it is tried again (${messageOf(error)})`;
  }
}

function describe(
  { to, blobs, lost }: NonNullable<Unlocked['converted']>,
  replaced: number,
): string {
  const done = to === 'sealed' ? 'encrypted' : 'decrypted';
  const copies = replaced === 0 ? '' : `, and ${replaced} older copies replaced`;
  const gone = lost === 0 ? '' : `; ${lost} were damaged and are gone`;
  return `${blobs} templates and crops were ${done}${copies}${gone}`;
}

/** Where the database of a state folder lies. */
export function databasePath(stateDir: string): string {
  return join(stateDir, DATABASE_FILE);
}

/** Changes whenever another connection wrote to the file; costs no disk access. */
export function dataVersion(db: Database): number {
  return Number(db.pragma('data_version', { simple: true }));
}

function makeFolder(stateDir: string, backups: Backups): void {
  try {
    mkdirSync(backups.folder, { recursive: true, mode: 0o700 });
    chmodSync(stateDir, 0o700);
  } catch (error) {
    throw storeError(`the state folder ${stateDir} cannot be made`, error);
  }
}

function openFile(path: string): Database {
  const umask = process.umask(0o077);
  try {
    const db = new Sqlite(path);
    chmodSync(path, 0o600);
    return db;
  } catch (error) {
    throw storeError(`the database ${path} cannot be opened`, error);
  } finally {
    process.umask(umask);
  }
}

function configure(db: Database): void {
  db.pragma(`page_size = ${PAGE_BYTES}`);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma(`cache_size = -${CACHE_KIB}`);
  db.pragma('foreign_keys = ON');
  db.pragma('busy_timeout = 5000');
  db.pragma('secure_delete = ON');
  db.pragma('trusted_schema = OFF');
  db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  db.pragma('journal_size_limit = 8388608');
}

async function bringUpToDate(db: Database, path: string, backups: Backups): Promise<void> {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > SCHEMA_VERSION) {
    throw new FaceEvalError('STORE', `the database ${path} is of a newer faceeval`, {
      hint: 'install the newer version again, or move the state folder away to start anew',
    });
  }
  if (version > 0 && version < SCHEMA_VERSION) await backups.create(db, `before-${version + 1}`);
  migrate(db, version);
}

/**
 * Takes the write lock, which a read-only file or folder refuses, and asks how durable commits
 * are: in WAL mode SQLite falls back to NORMAL after the first write unless FULL was asked for.
 */
function assertWritable(db: Database): void {
  db.exec('BEGIN IMMEDIATE; ROLLBACK');
  const level = Number(db.pragma('synchronous', { simple: true }));
  if (level !== 2) throw new Error(`SQLite runs with synchronous=${level}, not FULL`);
}

/**
 * No file, or an empty one, is what a power cut can leave while a damaged one is replaced; SQLite
 * would take it for a new database.
 */
function findDamage(path: string, backups: Backups): string | undefined {
  if (!existsSync(path)) return backups.list().length > 0 ? 'the file is missing' : undefined;
  if (statSync(path).size === 0 && backups.list().length > 0) return 'the file is empty';
  return damageOf(path);
}

function repairDamage(stateDir: string, backups: Backups): string | undefined {
  const damage = findDamage(databasePath(stateDir), backups);
  return damage === undefined ? undefined : replaceDamaged(stateDir, damage, backups);
}

/**
 * As {@link repairDamage}, with the lock of the daemon: one that runs would go on writing to the file
 * that is set aside, and nobody would ever read its hits.
 */
function repairDamageAlone(stateDir: string, backups: Backups): string | undefined {
  const path = databasePath(stateDir);
  const damage = findDamage(path, backups);
  if (damage === undefined) return undefined;
  const unlock = lockFolder(stateDir, DAEMON_LOCK);
  if (unlock === undefined) {
    throw new FaceEvalError('STORE', `the database ${path} is damaged and in use (${damage})`, {
      hint: 'restart the daemon (systemctl restart faceeval): it restores the newest backup',
    });
  }
  try {
    // Another command may have put it right before this one got the lock.
    return repairDamage(stateDir, backups);
  } finally {
    unlock();
  }
}

/** Whole and on the disk before it gets its name: whenever the power fails, the next start sees to it. */
function replaceDamaged(stateDir: string, damage: string, backups: Backups): string {
  const path = databasePath(stateDir);
  const partial = join(stateDir, PARTIAL_DATABASE);
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const aside = `${path}.damaged-${stamp}`;
  const backup = backups.newestWhole(SCHEMA_VERSION);
  if (backup === undefined && backups.newestWhole() !== undefined) {
    const what = `the database ${path} is damaged (${damage}), its backups are of a newer faceeval`;
    throw new FaceEvalError('STORE', what, { hint: 'install the newer version again' });
  }
  const isThere = existsSync(path);
  try {
    if (backup !== undefined) copyWhole(backup.path, partial);
    for (const suffix of ['', '-wal', '-shm', '-journal']) {
      if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
    }
    if (backup !== undefined) renameSync(partial, path);
    syncFile(stateDir);
  } catch (error) {
    throw storeError(`the database ${path} is damaged (${damage}) and not replaced`, error);
  }
  const said = isThere
    ? `the database was damaged (${damage}) and is kept as ${aside}`
    : `the database ${path} was missing`;
  return backup === undefined
    ? `${said}; there was no backup, so the gallery is empty: enrol again`
    : `${said}; the backup ${backup.name} took its place`;
}

function copyWhole(from: string, to: string): void {
  for (const suffix of ['', '-journal']) rmSync(to + suffix, { force: true });
  const umask = process.umask(0o077);
  const source = new Sqlite(from, { readonly: true });
  try {
    // That of a backup is SQLite's own: every hit would wear the card out twice as fast.
    source.pragma(`page_size = ${PAGE_BYTES}`);
    source.exec(`VACUUM INTO '${to.replaceAll("'", "''")}'`);
  } finally {
    source.close();
    process.umask(umask);
  }
  syncFile(to);
}
