import { closeSync, copyFileSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { Backups } from '../../src/daemon/backups.js';
import { databasePath, openDatabase } from '../../src/daemon/database.js';
import { StoreProblems } from '../../src/daemon/store-problems.js';
import { storeError } from '../../src/domain/store-error.js';
import { stateFolder } from '../daemon/state-folder.js';

const ROWS = 400;

function put(db: Sqlite.Database, from: number, to: number): void {
  const insert = db.prepare('INSERT INTO settings VALUES (?, ?)');
  const all = db.transaction(() => {
    for (let row = from; row < to; row++) insert.run(`row-${row}`, 'x'.repeat(200));
  });
  all();
}

function rowsOf(db: Sqlite.Database): number {
  return db
    .prepare<[], { n: number }>("SELECT COUNT(*) AS n FROM settings WHERE key LIKE 'row-%'")
    .get()?.n as number;
}

function overwrite(path: string, at: number, sizeBytes: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(sizeBytes, 0xa5), 0, sizeBytes, at);
  closeSync(file);
}

/** A closed database with rows, the first half of which is in a backup as well. */
async function prepared(): Promise<{ folder: string; path: string }> {
  const folder = stateFolder();
  const { db } = await openDatabase(folder);
  put(db, 0, ROWS / 2);
  await new Backups(folder).create(db, 'good');
  put(db, ROWS / 2, ROWS);
  db.close();
  return { folder, path: databasePath(folder) };
}

describe('a damaged database', () => {
  it.each<[string, (path: string) => void]>([
    ['in its header', (path) => overwrite(path, 0, 100)],
    ['in its schema', (path) => overwrite(path, 700, 300)],
    [
      'in a page in the middle',
      (path) => overwrite(path, Math.floor(statSync(path).size / 2), 4_096),
    ],
    ['cut to half', (path) => truncateSync(path, Math.floor(statSync(path).size / 2))],
    ['cut within a page', (path) => truncateSync(path, statSync(path).size - 700)],
  ])('%s is set aside, and the newest backup takes its place', async (_where, spoil) => {
    const { folder, path } = await prepared();
    spoil(path);
    const { db, repair } = await openDatabase(folder);
    expect(repair).toMatch(/was damaged .* the backup .*good\.db took its place/s);
    expect(rowsOf(db)).toBe(ROWS / 2);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    db.close();
  });

  it('keeps what stood in the log before a damage of the log', async () => {
    const { db } = await openDatabase(stateFolder());
    for (let row = 0; row < ROWS; row += 20) put(db, row, row + 20);
    // As after a power cut: the log was never copied into the file.
    const after = stateFolder();
    for (const suffix of ['', '-wal']) {
      copyFileSync(db.name + suffix, databasePath(after) + suffix);
    }
    db.close();
    const wal = `${databasePath(after)}-wal`;
    overwrite(wal, Math.floor(statSync(wal).size / 2), 2_000);
    const opened = await openDatabase(after);
    expect(opened.repair).toBeUndefined();
    expect(opened.db.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(rowsOf(opened.db)).toBeGreaterThan(ROWS / 4);
    expect(rowsOf(opened.db)).toBeLessThan(ROWS);
    opened.db.close();
  });

  it('ends a daemon that meets it, since its next start puts it right', async () => {
    const { path } = await prepared();
    overwrite(path, Math.floor(statSync(path).size / 2), 4_096);
    const db = new Sqlite(path);
    const problems = new StoreProblems(pino({ level: 'silent' }), () => db);
    let met: unknown;
    try {
      db.prepare('SELECT * FROM settings').all();
    } catch (error) {
      met = storeError('a hit cannot be written', error);
    }
    expect(() => problems.report('hits cannot be recorded', met)).toThrow(
      expect.objectContaining({ code: 'STORE', exitCode: 73 }),
    );
    db.close();
  });

  it('does not end a daemon over a disk that is full, or over damage that no start would see', async () => {
    const { db } = await openDatabase(stateFolder());
    const problems = new StoreProblems(pino({ level: 'silent' }), () => db);
    problems.report('a', Object.assign(new Error('full'), { code: 'SQLITE_FULL' }));
    problems.report('b', Object.assign(new Error('odd'), { code: 'SQLITE_CORRUPT_INDEX' }));
    expect(problems.current()).toEqual(['a: full', 'b: odd']);
    db.close();
  });
});
