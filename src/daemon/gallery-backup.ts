import { createHash } from 'node:crypto';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { FaceEvalError } from '../domain/errors.js';
import { storeError } from '../domain/store-error.js';
import { eraseForgotten } from '../gallery/erasure.js';
import { ForgottenLedger } from '../gallery/forgotten.js';
import { nextNumber, takeNumber } from '../gallery/strangers.js';
import { type Backup, Backups, damageOf } from './backups.js';
import { convertCopy } from './encryption.js';
import { migrate, SCHEMA_VERSION } from './migrations.js';
import { inTurn } from './store-queue.js';

/**
 * What cannot be had again: people, photos, settings, and strangers that people decided about. Hits
 * and other strangers are not part of it: they are kept for a bounded time only, which copies would
 * not know of. Parents come before their children.
 */
const TABLES: readonly CopiedTable[] = [
  {
    name: 'settings',
    columns: 'key, value',
    // Of the device, not of the gallery: the topics of another one are not to be cleared here.
    rows: "key <> 'mqttTopics'",
    keep: "key IN ('lastStranger', 'encryption')",
  },
  { name: 'identities', columns: '*', rows: '' },
  { name: 'templates', columns: '*', rows: '' },
  { name: 'look_alikes', columns: '*', rows: '' },
  { name: 'strangers', columns: '*', rows: 'anchor IS NOT NULL' },
  {
    name: 'stranger_shots',
    columns: 'stranger_id, build, vector, quality, crop, seen_at_ms',
    rows: 'stranger_id IN (SELECT id FROM strangers WHERE anchor IS NOT NULL)',
  },
];

interface CopiedTable {
  readonly name: string;
  readonly columns: string;
  /** Condition of the rows that are copied; empty for all. */
  readonly rows: string;
  /** Condition of present rows that a restored backup does not replace. */
  readonly keep?: string;
}

/** Rows copied before others get their turn. */
const BATCH_ROWS = 200;

/** Changes with every person and photo of the gallery. */
export function galleryFingerprint(db: Database): string {
  const hash = createHash('sha256');
  for (const query of [
    'SELECT id, name, consent_note, expires_at_ms FROM identities ORDER BY id',
    'SELECT id FROM templates ORDER BY id',
    'SELECT id, anchor FROM strangers WHERE anchor IS NOT NULL ORDER BY id',
  ]) {
    for (const row of db.prepare(query).raw().all()) hash.update(JSON.stringify(row));
  }
  return hash.digest('hex').slice(0, 8);
}

/**
 * Backs the gallery up as it is at this moment, while it is in use and without holding anybody up.
 *
 * @param label Why, part of the backup's name.
 * @throws FaceEvalError STORE when there is no room for it.
 */
export function backUpGallery(db: Database, stateDir: string, label: string): Promise<Backup> {
  return inTurn(stateDir, () => makeGalleryBackup(db, stateDir, label));
}

/** As {@link backUpGallery}, for who has the turn already. */
export function makeGalleryBackup(db: Database, stateDir: string, label: string): Promise<Backup> {
  const name = `${label}-${galleryFingerprint(db)}`;
  return new Backups(stateDir).make(name, (path) => copyGallery(db.name, path));
}

/** Backs the gallery up if it changed since the newest backup. @returns The backup, if so. */
export function backUpChanges(db: Database, stateDir: string): Promise<Backup | undefined> {
  return inTurn(stateDir, async () => {
    const backups = new Backups(stateDir);
    backups.removePartials();
    const [newest] = backups.list();
    if (newest?.name.endsWith(`-${galleryFingerprint(db)}.db`)) return undefined;
    const { n } = db.prepare<[], { n: number }>('SELECT COUNT(*) AS n FROM identities').get() ?? {
      n: 0,
    };
    return n === 0 ? undefined : makeGalleryBackup(db, stateDir, 'daily');
  });
}

async function copyGallery(from: string, to: string): Promise<void> {
  const source = new Sqlite(from, { readonly: true });
  const target = new Sqlite(to);
  try {
    migrate(target, 0);
    // One transaction over all tables: the copy is of one moment.
    source.exec('BEGIN');
    for (const { name, columns, rows } of TABLES) {
      const select = source.prepare(`SELECT ${columns} FROM ${name} WHERE ${rows || 'true'}`);
      const names = select.columns().map((column) => column.name);
      const insert = target.prepare(
        `INSERT INTO ${name} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
      );
      const insertAll = target.transaction((batch: readonly unknown[][]) => {
        for (const row of batch) insert.run(row);
      });
      let batch: unknown[][] = [];
      for (const row of select.raw().iterate()) {
        batch.push(row as unknown[]);
        if (batch.length < BATCH_ROWS) continue;
        insertAll(batch);
        batch = [];
        await new Promise((resolve) => setImmediate(resolve));
      }
      insertAll(batch);
    }
  } finally {
    target.close();
    source.close();
  }
}

/**
 * Puts the gallery of a backup in the place of the present one, in one transaction: a daemon beside
 * us sees the one or the other. Hits and unsent messages stay. Who was forgotten stays forgotten.
 *
 * @param name Name of the backup, as `list` gives it.
 * @throws FaceEvalError USAGE when there is no such backup, STORE when it is damaged or newer.
 */
export function restoreGallery(db: Database, stateDir: string, name: string): Backup {
  const backup = new Backups(stateDir).require(name);
  const copy = join(stateDir, 'restore.partial');
  try {
    copyFileSync(backup.path, copy);
    bringUpToDate(copy, name, db);
    db.prepare('ATTACH ? AS backup').run(copy);
    try {
      replaceGallery(db, stateDir);
    } finally {
      db.exec('DETACH backup');
    }
  } catch (error) {
    throw storeError(`the backup ${name} cannot be restored`, error);
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(copy + suffix, { force: true });
  }
  return backup;
}

/** A backup of an older version gets the present tables; the backup itself is not changed. */
function bringUpToDate(path: string, name: string, like: Database): void {
  const damage = damageOf(path);
  if (damage !== undefined) {
    throw new FaceEvalError('STORE', `the backup ${name} is damaged: ${damage}`, {
      hint: 'take an older one',
    });
  }
  const copy = new Sqlite(path);
  try {
    const version = Number(copy.pragma('user_version', { simple: true }));
    if (version > SCHEMA_VERSION) {
      throw new FaceEvalError('STORE', `the backup ${name} is of a newer faceeval`, {
        hint: 'install the newer version again, or take an older backup',
      });
    }
    migrate(copy, version);
    convertCopy(copy, like);
    copy.pragma('journal_mode = DELETE');
  } finally {
    copy.close();
  }
}

function replaceGallery(db: Database, stateDir: string): void {
  db.transaction(() => {
    for (const { name, rows, keep } of [...TABLES].reverse()) {
      db.exec(`DELETE FROM main.${name} WHERE ${rows || 'true'} AND NOT (${keep ?? 'false'})`);
    }
    // Who was decided about then may be there without a decision, or another one with the number.
    const decided = 'FROM backup.strangers WHERE anchor IS NOT NULL';
    db.exec(
      `DELETE FROM main.strangers
       WHERE id IN (SELECT id ${decided}) OR number IN (SELECT number ${decided})`,
    );
    for (const { name, columns, rows } of TABLES) {
      const copied = rows.replace('FROM strangers', 'FROM backup.strangers') || 'true';
      const into = columns === '*' ? name : `${name} (${columns})`;
      db.exec(
        `INSERT OR IGNORE INTO main.${into} SELECT ${columns} FROM backup.${name} WHERE ${copied}`,
      );
    }
    const last = db.prepare<[], number | null>('SELECT MAX(number) FROM main.strangers').pluck();
    const highest = last.get() ?? 0;
    if (nextNumber(db) <= highest) takeNumber(db, highest);
    eraseForgotten(db, new ForgottenLedger(stateDir).ids());
  })();
}
