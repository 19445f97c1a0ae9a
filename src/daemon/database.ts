import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { migrate, SCHEMA_VERSION } from './migrations.js';

export type { Database } from 'better-sqlite3';

const FILE = 'faceeval.db';
const BACKUPS = 'backups';

/** The opened database, and what had to be done to open it. */
export interface OpenedDatabase {
  readonly db: Database;
  /** Sentence for the log and health when a damaged file was set aside. */
  readonly repair?: string;
}

/**
 * Opens the database of a state folder; makes folder (0700) and file (0600) when they are missing.
 * A damaged file is set aside and the newest good backup takes its place.
 *
 * @throws FaceEvalError STORE when the folder cannot be written, or a newer version wrote the file.
 */
export async function openDatabase(stateDir: string): Promise<OpenedDatabase> {
  const path = join(stateDir, FILE);
  makeFolder(stateDir);
  const existed = existsSync(path);
  let repair: string | undefined;
  if (existed) {
    const damage = findDamage(path);
    if (damage !== undefined) repair = setAside(stateDir, path, damage);
  }
  const db = open(path);
  try {
    configure(db);
    const version = Number(db.pragma('user_version', { simple: true }));
    if (version > SCHEMA_VERSION) {
      throw new FaceEvalError('STORE', `the database ${path} is of a newer faceeval`, {
        hint: 'install the newer version again, or move the file away to start anew',
      });
    }
    if (version > 0 && version < SCHEMA_VERSION) await backup(db, stateDir, `before-${version}`);
    migrate(db, version);
    assertDurable(db);
  } catch (error) {
    db.close();
    throw error instanceof FaceEvalError ? error : cannotWrite(path, error);
  }
  return repair === undefined ? { db } : { db, repair };
}

function makeFolder(stateDir: string): void {
  try {
    mkdirSync(join(stateDir, BACKUPS), { recursive: true, mode: 0o700 });
    chmodSync(stateDir, 0o700);
  } catch (error) {
    throw cannotWrite(stateDir, error);
  }
}

function open(path: string): Database {
  const umask = process.umask(0o077);
  try {
    return new Sqlite(path);
  } catch (error) {
    throw cannotWrite(path, error);
  } finally {
    process.umask(umask);
  }
}

function configure(db: Database): void {
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  db.pragma('busy_timeout = 5000');
  db.pragma('secure_delete = ON');
  db.pragma('trusted_schema = OFF');
  db.pragma('journal_size_limit = 8388608');
}

/** SQLite silently falls back to NORMAL in WAL mode on a fresh file: ask after a write. */
function assertDurable(db: Database): void {
  db.prepare('INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)').run(
    'openedAtMs',
    String(Date.now()),
  );
  const level = Number(db.pragma('synchronous', { simple: true }));
  if (level !== 2) throw new Error(`SQLite runs with synchronous=${level}, not FULL`);
}

/** Why the file cannot be used, or undefined when it is whole. */
function findDamage(path: string): string | undefined {
  let db: Database | undefined;
  try {
    db = new Sqlite(path, { readonly: true, fileMustExist: true });
    const result = db.pragma('quick_check(1)', { simple: true });
    return result === 'ok' ? undefined : String(result);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'SQLITE_NOTADB' || code?.startsWith('SQLITE_CORRUPT')) return messageOf(error);
    throw cannotWrite(path, error);
  } finally {
    db?.close();
  }
}

function setAside(stateDir: string, path: string, damage: string): string {
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const aside = `${path}.damaged-${stamp}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  const said = `the database was damaged (${damage}) and is kept as ${aside}`;
  for (const name of listBackups(stateDir)) {
    const candidate = join(stateDir, BACKUPS, name);
    if (isWhole(candidate)) {
      const source = new Sqlite(candidate, { readonly: true });
      source.exec(`VACUUM INTO '${path.replaceAll("'", "''")}'`);
      source.close();
      chmodSync(path, 0o600);
      return `${said}; the backup ${name} took its place`;
    }
  }
  return `${said}; there was no backup, so the gallery is empty: enrol again`;
}

function isWhole(path: string): boolean {
  try {
    return findDamage(path) === undefined;
  } catch {
    // A backup that cannot even be opened is passed over; the next older one is tried.
    return false;
  }
}

/** Names of the backups, newest first. */
export function listBackups(stateDir: string): string[] {
  const dir = join(stateDir, BACKUPS);
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => name.endsWith('.db'))
    .sort()
    .reverse();
}

/**
 * Copies the database while it is in use.
 *
 * @returns Path of the backup, mode 0600.
 */
export async function backup(db: Database, stateDir: string, label: string): Promise<string> {
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const path = join(stateDir, BACKUPS, `${stamp}-${label}.db`);
  await db.backup(path);
  chmodSync(path, 0o600);
  return path;
}

/** Changes whenever another connection wrote to the file; costs no disk access. */
export function dataVersion(db: Database): number {
  return Number(db.pragma('data_version', { simple: true }));
}

function cannotWrite(path: string, cause: unknown): FaceEvalError {
  const { code } = cause as { code?: string };
  const full = code === 'SQLITE_FULL' || code === 'ENOSPC';
  const hint = full
    ? 'free some disk space; `faceeval doctor` shows how much there is'
    : 'check that the state folder belongs to the user of the daemon and is not mounted read-only';
  return new FaceEvalError(
    'STORE',
    `the database cannot be written: ${path}: ${messageOf(cause)}`,
    {
      hint,
      cause,
    },
  );
}
