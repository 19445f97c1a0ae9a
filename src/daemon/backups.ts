import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { isDamage, storeError } from '../domain/store-error.js';

const FOLDER = 'backups';
const SUFFIX = '.db';
const PARTIAL = '.partial';
/** A time as the name of a file begins with it, and what it was before. */
const stampOf = (ms: number): string => new Date(ms).toISOString().replaceAll(/[:.]/g, '-');
const timeOf = (name: string): number =>
  Date.parse(name.slice(0, 24).replace(/T(\d\d)-(\d\d)-(\d\d)-/, 'T$1:$2:$3.'));
/** Made by the daemon by itself, and not by people, nor before a migration. */
const ROTATED = /-(daily|after-[a-z]+)-[^-]*$/;

/** A copy of the database. */
export interface Backup {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly createdAtMs: number;
}

/** Copies of the database in the folder `backups` of a state folder; all mode 0600. */
export class Backups {
  readonly folder: string;

  constructor(stateDir: string) {
    this.folder = join(stateDir, FOLDER);
  }

  /** Newest first. */
  list(): Backup[] {
    if (!existsSync(this.folder)) return [];
    return readdirSync(this.folder)
      .filter((name) => name.endsWith(SUFFIX))
      .sort()
      .reverse()
      .map((name) => {
        const path = join(this.folder, name);
        const { size, mtimeMs } = statSync(path);
        return { name, path, sizeBytes: size, createdAtMs: mtimeMs };
      });
  }

  /**
   * The backup of a name, of which the beginning is enough.
   *
   * @throws FaceEvalError USAGE when there is none, or more than one begins so.
   */
  require(name: string): Backup {
    const all = this.list();
    const fitting = all.filter((backup) => backup.name.startsWith(name));
    const exact = fitting.find((backup) => backup.name === name);
    const [only, another] = fitting;
    if (exact !== undefined) return exact;
    if (only !== undefined && another === undefined) return only;
    const what = only === undefined ? `there is no backup ${name}` : `${name} fits several backups`;
    throw new FaceEvalError('USAGE', what, { hint: 'list them with `faceeval backup list`' });
  }

  /**
   * Copies the whole database while it is in use.
   *
   * @param label Why it was made, part of its name: `before-2`.
   * @throws FaceEvalError STORE when there is no room for it.
   */
  create(db: Database, label: string): Promise<Backup> {
    return this.make(label, async (path) => {
      await db.backup(path);
    });
  }

  /**
   * Makes a backup that appears under its name only when it is whole and on the disk.
   *
   * @param write Writes the database file.
   * @throws FaceEvalError STORE when there is no room for it.
   */
  async make(label: string, write: (path: string) => Promise<void>): Promise<Backup> {
    const name = `${this.#nextStamp()}-${label}${SUFFIX}`;
    const path = join(this.folder, name);
    const partial = path + PARTIAL;
    const umask = process.umask(0o077);
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      await write(partial);
      makeSelfContained(partial);
      chmodSync(partial, 0o600);
      syncFile(partial);
      renameSync(partial, path);
      syncFile(this.folder);
    } catch (error) {
      this.removePartials(name);
      throw storeError(`no backup could be made in ${this.folder}`, error);
    } finally {
      process.umask(umask);
    }
    return { name, path, sizeBytes: statSync(path).size, createdAtMs: Date.now() };
  }

  /**
   * Deletes all but the newest of those that the daemon makes by itself.
   *
   * @returns Names of the deleted ones.
   */
  rotate(keep: number): string[] {
    const surplus = this.list()
      .filter(({ name }) => ROTATED.test(name))
      .slice(keep);
    for (const { path } of surplus) rmSync(path, { force: true });
    return surplus.map(({ name }) => name);
  }

  /** Deletes backups of a label from before a moment. @returns How many. */
  removeBefore(atMs: number, label: string): number {
    const old = this.list().filter(
      ({ name, createdAtMs }) => name.includes(label) && createdAtMs < atMs,
    );
    for (const { path } of old) rmSync(path, { force: true });
    return old.length;
  }

  /**
   * Later than the newest backup, whatever the clock says: one that was made while it was ahead
   * would be taken for newer than those that follow, and kept in their place.
   */
  #nextStamp(): string {
    // Another name than ours says nothing of a time.
    const ours = this.list().filter(({ name }) => /^[\dT-]{23}Z-/.test(name));
    const times = ours.map(({ name }) => timeOf(name)).filter((ms) => !Number.isNaN(ms));
    return stampOf(Math.max(Date.now(), ...times.map((ms) => ms + 1)));
  }

  /**
   * The newest backup that passes SQLite's check; the others are passed over.
   *
   * @param maxSchema Those with a newer schema are, too.
   */
  newestWhole(maxSchema = Number.POSITIVE_INFINITY): Backup | undefined {
    return this.list().find(({ path }) => {
      try {
        return damageOf(path) === undefined && schemaOf(path) <= maxSchema;
      } catch {
        // A backup that cannot even be opened is none; the next older one is tried.
        return false;
      }
    });
  }

  /**
   * Deletes what a crash or a power cut left while backups were made; nobody may be making one.
   *
   * @param of Only what was to become this backup.
   */
  removePartials(of = ''): void {
    if (!existsSync(this.folder)) return;
    for (const name of readdirSync(this.folder)) {
      if (name.startsWith(of) && name.includes(PARTIAL)) {
        rmSync(join(this.folder, name), { force: true });
      }
    }
  }
}

/**
 * Why a database file cannot be used, or undefined when it is whole.
 *
 * @throws FaceEvalError STORE when the file cannot be read.
 */
export function damageOf(path: string): string | undefined {
  return checkFile(path, true);
}

/** Version of the tables in a database file. */
function schemaOf(path: string): number {
  const db = new Sqlite(path, { readonly: true, fileMustExist: true });
  try {
    return Number(db.pragma('user_version', { simple: true }));
  } finally {
    db.close();
  }
}

/** What SQLite finds wrong with an open database; undefined when it is whole. */
export function quickCheck(db: Database): string | undefined {
  const found = String(db.pragma('quick_check(1)', { simple: true }));
  return found === 'ok' ? undefined : found;
}

function checkFile(path: string, readonly: boolean): string | undefined {
  let db: Database | undefined;
  try {
    db = new Sqlite(path, { readonly, fileMustExist: true });
    return quickCheck(db);
  } catch (error) {
    const { code } = error as { code?: string };
    // Killed in the middle of a change: SQLite undoes it, for which it has to write.
    if (readonly && code === 'SQLITE_READONLY_ROLLBACK') return checkFile(path, false);
    if (isDamage(error)) return messageOf(error);
    throw storeError(`the database ${path} cannot be read`, error);
  } finally {
    db?.close();
  }
}

/** Without a write-ahead log beside it, the file can be read from a folder that is read-only. */
function makeSelfContained(path: string): void {
  const db = new Sqlite(path);
  try {
    db.pragma('journal_mode = DELETE');
  } finally {
    db.close();
  }
}

/** Waits until a file, or the names in a folder, are on the disk. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
