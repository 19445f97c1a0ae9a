import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, vi } from 'vitest';
import { Backups } from '../../src/daemon/backups.js';
import { databasePath, dataVersion, openDatabase } from '../../src/daemon/database.js';
import { backUpGallery } from '../../src/daemon/gallery-backup.js';
import { MIGRATIONS, migrate, SCHEMA_VERSION } from '../../src/daemon/migrations.js';
import { makeReadOnly, mountedFolder, openState, stateFolder } from './state-folder.js';

const modeOf = (path: string) => statSync(path).mode & 0o777;

function put(folder: string, key: string): void {
  const db = new Sqlite(databasePath(folder));
  db.prepare("INSERT OR REPLACE INTO settings VALUES (?, 'here')").run(key);
  db.close();
}

function has(folder: string, key: string): boolean {
  const db = new Sqlite(databasePath(folder), { readonly: true });
  const row = db.prepare('SELECT 1 FROM settings WHERE key = ?').get(key);
  db.close();
  return row !== undefined;
}

/** Overwrites the middle of a file. */
function damage(path: string): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(6_000, 0xff), 0, 6_000, 1_500);
  closeSync(file);
}

describe('openDatabase', () => {
  it('makes folder and files that nobody else can read', async () => {
    const folder = join(stateFolder(), 'deep/state');
    const db = await openState(folder);
    db.prepare("INSERT INTO settings VALUES ('a', 'b')").run();
    expect(modeOf(folder)).toBe(0o700);
    expect(modeOf(join(folder, 'backups'))).toBe(0o700);
    for (const suffix of ['', '-wal', '-shm']) {
      expect(modeOf(databasePath(folder) + suffix)).toBe(0o600);
    }
  });

  it('commits for good, also after the first write to a new file', async () => {
    const db = await openState();
    db.prepare("INSERT INTO settings VALUES ('a', 'b')").run();
    expect(db.pragma('synchronous', { simple: true })).toBe(2);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('foreign_keys', { simple: true })).toBe(1);
    expect(db.pragma('secure_delete', { simple: true })).toBe(1);
    expect(db.pragma('cache_size', { simple: true })).toBe(-2_048);
  });

  it('writes nothing when it finds a database that is up to date', async () => {
    const folder = stateFolder();
    (await openDatabase(folder)).db.close();
    const before = readFileSync(databasePath(folder));
    (await openDatabase(folder)).db.close();
    expect(readFileSync(databasePath(folder)).equals(before)).toBe(true);
  });

  it('notices what another connection writes, and not its own writes', async () => {
    const folder = stateFolder();
    const db = await openState(folder);
    const before = dataVersion(db);
    db.prepare("INSERT INTO settings VALUES ('own', '')").run();
    expect(dataVersion(db)).toBe(before);
    put(folder, 'other');
    expect(dataVersion(db)).not.toBe(before);
  });

  it.each([
    ['text', (path: string) => writeFileSync(path, 'this is no database '.repeat(400))],
    ['cut short', (path: string) => truncateSync(path, 3_000)],
    ['damaged inside', damage],
    ['empty', (path: string) => truncateSync(path, 0)],
  ])('sets a file aside that is %s, and restores the newest good backup', async (_how, spoil) => {
    const folder = stateFolder();
    const first = await openDatabase(folder);
    put(folder, 'in the backup');
    await new Backups(folder).create(first.db, 'good');
    put(folder, 'after the backup');
    await new Backups(folder).create(first.db, 'newer');
    first.db.close();
    const [newest] = new Backups(folder).list();
    writeFileSync(newest?.path as string, 'rubbish');
    spoil(databasePath(folder));

    const { db, repair } = await openDatabase(folder);
    db.close();
    expect(repair).toMatch(/was damaged \(.+\) and is kept as .+; the backup .+-good\.db took/);
    expect(has(folder, 'in the backup')).toBe(true);
    expect(has(folder, 'after the backup')).toBe(false);
    expect(modeOf(databasePath(folder))).toBe(0o600);
    const aside = readdirSync(folder).filter((name) => name.includes('damaged'));
    expect(aside.length).toBeGreaterThan(0);
  });

  it('does not undo in a backup what was interrupted in the damaged file', async () => {
    const folder = stateFolder();
    const first = await openDatabase(folder);
    put(folder, 'in the backup');
    await new Backups(folder).create(first.db, 'good');
    first.db.close();
    writeFileSync(databasePath(folder), 'rubbish');
    writeFileSync(`${databasePath(folder)}-journal`, 'of the rubbish');
    const { db, repair } = await openDatabase(folder);
    db.close();
    expect(repair).toMatch(/took its place/);
    expect(has(folder, 'in the backup')).toBe(true);
    expect(existsSync(`${databasePath(folder)}-journal`)).toBe(false);
  });

  it('restores a backup, and says so, when the power failed while one was being restored', async () => {
    const folder = stateFolder();
    const path = databasePath(folder);
    const first = await openDatabase(folder);
    put(folder, 'in the backup');
    await new Backups(folder).create(first.db, 'good');
    first.db.close();
    renameSync(path, `${path}.damaged-2026`);
    writeFileSync(`${path}.partial`, 'half of a backup');
    writeFileSync(`${path}.partial-journal`, 'rubbish');
    const { db, repair } = await openDatabase(folder);
    db.close();
    expect(repair).toMatch(/faceeval\.db was missing; the backup .+-good\.db took its place$/);
    expect(has(folder, 'in the backup')).toBe(true);
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('passes over backups of a newer version, and gives up where there are no others', async () => {
    const folder = stateFolder();
    const { db: first } = await openDatabase(folder);
    put(folder, 'in the backup');
    const backups = new Backups(folder);
    const fitting = await backUpGallery(first, folder, 'good');
    first.pragma(`user_version = ${SCHEMA_VERSION + 1}`);
    await backups.create(first, 'newer');
    first.close();
    damage(databasePath(folder));
    const { db, repair } = await openDatabase(folder);
    expect(repair).toContain(`the backup ${fitting.name} took its place`);
    expect(has(folder, 'in the backup')).toBe(true);
    // A backup has larger pages, of which each hit would write as many.
    expect(db.pragma('page_size', { simple: true })).toBe(1_024);
    db.close();
    rmSync(fitting.path);
    damage(databasePath(folder));
    const before = readdirSync(folder);
    await expect(openDatabase(folder)).rejects.toMatchObject({
      message: expect.stringMatching(/its backups are of a newer faceeval/),
      hint: 'install the newer version again',
    });
    expect(readdirSync(folder).sort()).toEqual(expect.arrayContaining(before));
  });

  it('leaves a damaged file in its place until there is room for the backup', async (context) => {
    const folder = mountedFolder(2_000_000);
    if (folder === undefined) return context.skip('mounting needs root');
    const first = await openDatabase(folder);
    first.db.exec("INSERT INTO settings VALUES ('large', hex(zeroblob(250000)))");
    put(folder, 'in the backup');
    await new Backups(folder).create(first.db, 'good');
    first.db.close();
    damage(databasePath(folder));
    writeFileSync(join(folder, 'filler'), Buffer.alloc(500_000));
    await expect(openDatabase(folder)).rejects.toThrow(/is damaged .+ and not replaced/);
    expect(readdirSync(folder).filter((name) => name.includes('damaged'))).toEqual([]);
    rmSync(join(folder, 'filler'));
    const { db, repair } = await openDatabase(folder);
    db.close();
    expect(repair).toMatch(/-good\.db took its place/);
    expect(has(folder, 'in the backup')).toBe(true);
  });

  it('starts anew and says so when there is no backup', async () => {
    const folder = stateFolder();
    writeFileSync(databasePath(folder), 'no database at all, only text');
    const { db, repair } = await openDatabase(folder);
    expect(repair).toMatch(/there was no backup, so the gallery is empty: enrol again/);
    expect(db.prepare('SELECT COUNT(*) AS n FROM identities').get()).toEqual({ n: 0 });
    db.close();
  });

  it('refuses a database of a newer version and leaves it alone', async () => {
    const folder = stateFolder();
    (await openDatabase(folder)).db.close();
    const db = new Sqlite(databasePath(folder));
    db.pragma(`user_version = ${SCHEMA_VERSION + 1}`);
    db.close();
    await expect(openDatabase(folder)).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringContaining('of a newer faceeval'),
    });
    expect(existsSync(databasePath(folder))).toBe(true);
  });

  it('says what to do when the state folder cannot be made', async () => {
    const folder = stateFolder();
    writeFileSync(join(folder, 'file'), '');
    await expect(openDatabase(join(folder, 'file/state'))).rejects.toMatchObject({
      code: 'STORE',
      exitCode: 73,
      hint: expect.stringContaining('belongs to the user of the daemon'),
    });
  });

  it('says what to do when the file system is read-only', async (context) => {
    const folder = mountedFolder(4_000_000);
    if (folder === undefined) return context.skip('mounting needs root');
    (await openDatabase(folder)).db.close();
    makeReadOnly(folder);
    await expect(openDatabase(folder)).rejects.toMatchObject({
      code: 'STORE',
      hint: expect.stringContaining('not mounted read-only'),
    });
  });

  it('says what to do when the disk is full', async (context) => {
    const folder = mountedFolder(300_000);
    if (folder === undefined) return context.skip('mounting needs root');
    const db = await openState(folder);
    const fill = () => {
      for (;;)
        db.prepare('INSERT INTO settings VALUES (hex(randomblob(9)), hex(zeroblob(5000)))').run();
    };
    expect(fill).toThrow(expect.objectContaining({ code: 'SQLITE_FULL' }));
    await expect(new Backups(folder).create(db, 'daily')).rejects.toMatchObject({
      code: 'STORE',
      hint: expect.stringContaining('free some disk space'),
    });
    expect(new Backups(folder).list()).toEqual([]);
  });
});

describe('migrate', () => {
  const FIRST = MIGRATIONS.slice(0, 1);

  it('brings a database of version 1 up to date with all that is in it, after a backup', async () => {
    const folder = stateFolder();
    (await openDatabase(stateFolder())).db.close();
    const old = new Sqlite(databasePath(folder));
    migrate(old, 0, FIRST);
    old.exec(`
      INSERT INTO identities VALUES ('i1', 'Ann', 'ann', 5);
      INSERT INTO templates VALUES ('t1', 'i1', 'f', 'b', x'0000803f', 0.5, NULL, 'ann.jpg', 6);
      INSERT INTO hits VALUES ('B', 'unknown', 'door', NULL, 2, '{"n":2}');
      INSERT INTO hits VALUES ('A', 'recognised', 'door', 'i1', 1, '{"n":1}');
      INSERT INTO outbox VALUES (7, 'B', 'unknowns', '{"n":2}', 2);
      INSERT INTO strangers VALUES ('s1', 3, 'f', x'0000803f', 4, x'ffd8', 1, 2);
    `);
    old.close();

    const db = await openState(folder);
    expect(db.pragma('user_version', { simple: true })).toBe(SCHEMA_VERSION);
    expect(db.prepare('SELECT seq, id, payload FROM hits ORDER BY seq').all()).toEqual([
      { seq: 1, id: 'A', payload: '{"n":1}' },
      { seq: 2, id: 'B', payload: '{"n":2}' },
    ]);
    expect(db.prepare('SELECT seq, hit_id FROM outbox').all()).toEqual([{ seq: 2, hit_id: 'B' }]);
    expect(db.prepare('SELECT stranger_id, crop FROM stranger_shots').all()).toEqual([
      { stranger_id: 's1', crop: Buffer.from('ffd8', 'hex') },
    ]);
    expect(db.prepare('SELECT name, consent_note FROM identities').all()).toEqual([
      { name: 'Ann', consent_note: null },
    ]);
    expect(db.pragma('foreign_key_check')).toEqual([]);
    const [backup] = new Backups(folder).list();
    expect(backup?.name).toMatch(/before-2\.db$/);
    const copy = new Sqlite(backup?.path as string, { readonly: true });
    expect(copy.pragma('user_version', { simple: true })).toBe(1);
    copy.close();
  });

  it('leaves a step undone that fails', () => {
    const db = new Sqlite(':memory:');
    const broken = [...FIRST, { version: 2, name: 'broken', sql: 'CREATE TABLE x (a); nonsense' }];
    expect(() => migrate(db, 0, broken)).toThrow(/syntax error/);
    expect(db.pragma('user_version', { simple: true })).toBe(1);
    expect(db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'x'").get()).toBeUndefined();
    db.close();
  });
});

describe('Backups', () => {
  it('keeps the newest of each rotation, whole and readable from a read-only folder', async () => {
    const folder = stateFolder();
    const db = await openState(folder);
    const backups = new Backups(folder);
    for (const label of ['daily-one', 'manual-a', 'daily-two', 'before-2', 'after-forget-three']) {
      await backups.create(db, label);
    }
    const removed = backups.rotate(2);
    expect(removed).toEqual([expect.stringContaining('one')]);
    const kept = ['after-forget-three.db', 'before-2.db', 'daily-two.db', 'manual-a.db'];
    expect(backups.list().map(({ name }) => name.slice(25))).toEqual(kept);
    for (const { path } of backups.list()) expect(modeOf(path)).toBe(0o600);
    expect(readdirSync(backups.folder)).toHaveLength(4);
    backups.rotate(0);
    expect(backups.list().map(({ name }) => name.slice(25))).toEqual([
      'before-2.db',
      'manual-a.db',
    ]);
  });

  it('takes the newest for the newest when the clock was set back', async () => {
    const folder = stateFolder();
    const db = await openState(folder);
    const backups = new Backups(folder);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2099, 0, 1) });
    try {
      await backups.create(db, 'daily-early');
    } finally {
      vi.useRealTimers();
    }
    await backups.create(db, 'daily-late');
    await backups.create(db, 'daily-last');
    expect(backups.rotate(1)).toEqual([
      expect.stringMatching(/^2099.+late/),
      expect.stringMatching(/early/),
    ]);
    expect(backups.newestWhole()?.name).toBe('2099-01-01T00-00-00-002Z-daily-last.db');
  });

  it('leave alone what somebody else is making, and nothing of what failed', async () => {
    const folder = stateFolder();
    const db = await openState(folder);
    const backups = new Backups(folder);
    const half = ['x.db.partial', 'x.db.partial-journal'];
    for (const name of half) writeFileSync(join(backups.folder, name), 'half');
    const fails = (path: string) => {
      writeFileSync(path, 'half');
      writeFileSync(`${path}-journal`, 'half');
      return Promise.reject(new Error('no'));
    };
    await expect(backups.make('daily', fails)).rejects.toThrow(/no backup could be made/);
    expect(readdirSync(backups.folder)).toEqual(half);
    await backups.create(db, 'daily');
    backups.removePartials();
    expect(readdirSync(backups.folder)).toEqual([expect.stringMatching(/daily\.db$/)]);
  });
});
