import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import Sqlite from 'better-sqlite3';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { type Config, configSchema } from '../../src/config/schema.js';
import { Backups } from '../../src/daemon/backups.js';
import { databasePath, openDatabase } from '../../src/daemon/database.js';
import { forgetPerson } from '../../src/daemon/forget.js';
import { backUpChanges, backUpGallery, restoreGallery } from '../../src/daemon/gallery-backup.js';
import { Maintenance } from '../../src/daemon/maintenance.js';
import { ForgottenLedger } from '../../src/gallery/forgotten.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { readSetting, writeSetting } from '../../src/gallery/settings.js';
import { StrangerAdmin } from '../../src/gallery/stranger-admin.js';
import { HitStore } from '../../src/hits/hit-store.js';
import { Outbox } from '../../src/hits/outbox.js';
import { randomFace, seededRandom } from '../gallery/faces.js';
import { hitOf, TestClock } from '../hits/records.js';
import { openState, stateFolder } from './state-folder.js';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const random = seededRandom(2);

async function rig(limits: Partial<Config['retention']> = {}) {
  const stateDir = stateFolder();
  const db = await openState(stateDir);
  const clock = new TestClock();
  const outbox = new Outbox(db, clock);
  const hits = new HitStore(db, outbox);
  const store = new IdentityStore(db);
  const { retention, gallery } = configSchema.parse({});
  const onDropped = vi.fn();
  const onForgotten = vi.fn();
  const error = vi.fn();
  const warn = vi.fn();
  const log = Object.assign(pino({ level: 'silent' }), { error, warn });
  const onSwept = vi.fn();
  const maintenance = new Maintenance({
    ...{ db, outbox, clock, log, onSwept, onDropped, onForgotten },
    config: { stateDir, retention: { ...retention, ...limits } },
    threshold: () => 0.4,
  });
  const enrol = (name: string) => {
    const { id } = store.ensure(name);
    const photo = { family: 'f', build: 'b', quality: 0.9, source: 'x', crop: Buffer.alloc(5_000) };
    store.addTemplate(id, { ...photo, vector: randomFace(random) });
    return { id, name };
  };
  const backups = () => new Backups(stateDir).list();
  const admin = new StrangerAdmin(db, gallery);
  return {
    stateDir,
    db,
    clock,
    outbox,
    hits,
    store,
    admin,
    enrol,
    backups,
    maintenance,
    onSwept,
    warn,
    onDropped,
    onForgotten,
    error,
  };
}

describe('Maintenance', () => {
  it('backs the gallery up when it changed, and keeps the newest', async () => {
    const { enrol, store, backups, maintenance } = await rig();
    await maintenance.run();
    expect(backups()).toEqual([]);
    for (const name of ['Ann', 'Bob', 'Cem', 'Dora']) {
      enrol(name);
      await maintenance.run();
      await maintenance.run();
    }
    expect(backups()).toHaveLength(3);
    store.rename('Ann', 'Anna');
    await maintenance.run();
    const [newest] = backups();
    expect(backups()).toHaveLength(3);
    const copy = new Sqlite(newest?.path as string, { readonly: true });
    expect(copy.prepare('SELECT name FROM identities ORDER BY name').pluck().all()).toEqual([
      ...['Anna', 'Bob', 'Cem', 'Dora'],
    ]);
    expect(copy.pragma('integrity_check', { simple: true })).toBe('ok');
    copy.close();
    expect(statSync(newest?.path as string).mode & 0o777).toBe(0o600);
  });

  it('removes whole copies from before a migration after two weeks', async () => {
    const { stateDir, db, clock, backups, maintenance } = await rig();
    const { path } = await new Backups(stateDir).create(db, 'before-2');
    utimesSync(path, clock.nowMs() / 1000, clock.nowMs() / 1000);
    clock.pass(13 * DAY_MS);
    await maintenance.run();
    expect(backups()).toHaveLength(1);
    clock.pass(2 * DAY_MS);
    await maintenance.run();
    expect(backups()).toEqual([]);
  });

  it('forgets people whose time is over, once the clock has said so for a while', async () => {
    const { clock, store, enrol, maintenance, onForgotten } = await rig();
    const ann = enrol('Ann');
    enrol('Bob');
    store.setConsent(ann.id, {
      note: 'until the end of the fair',
      expiresAtMs: clock.nowMs() + DAY_MS,
    });
    clock.pass(HOUR_MS);
    clock.wallMs += 365 * DAY_MS;
    await maintenance.run();
    clock.wallMs -= 365 * DAY_MS;
    clock.pass(HOUR_MS);
    await maintenance.run();
    expect(store.list()).toMatchObject([
      { consentNote: 'until the end of the fair' },
      { name: 'Bob' },
    ]);
    clock.pass(DAY_MS);
    await maintenance.run();
    expect(store.list()).toHaveLength(2);
    clock.pass(HOUR_MS);
    await maintenance.run();
    expect(store.list()).toMatchObject([{ name: 'Bob' }]);
    expect(onForgotten).toHaveBeenCalledTimes(1);
  });

  it('goes on with forgetting somebody when there is room again', async () => {
    const { stateDir, db, store, enrol, maintenance, onForgotten, backups } = await rig();
    const ann = enrol('Ann');
    enrol('Bob');
    await backUpGallery(db, stateDir, 'manual');
    const ledger = new ForgottenLedger(stateDir);
    ledger.add(ann.id);
    await maintenance.run();
    expect(store.list()).toMatchObject([{ name: 'Bob' }]);
    expect(ledger.unfinished()).toEqual([]);
    expect(onForgotten).toHaveBeenCalledTimes(1);
    expect(backups()).toMatchObject([{ name: expect.stringContaining('after-forget') }]);
    await maintenance.run();
    expect(onForgotten).toHaveBeenCalledTimes(1);
  });

  it('sweeps until nothing is left, and counts what it deleted and what it had to drop', async () => {
    const { db, clock, hits, outbox, maintenance, onSwept, onDropped, warn } = await rig();
    const time = new Date(clock.nowMs()).toISOString();
    db.transaction(() => {
      for (let n = 0; n < 601; n++) hits.write(hitOf(hits.nextId(clock.nowMs()), { time }));
      for (let seq = 1; seq <= 600; seq++) outbox.acknowledge(seq);
    })();
    clock.pass(40 * DAY_MS);
    await maintenance.run();
    expect(onDropped).toHaveBeenCalledWith(1);
    expect(onSwept.mock.calls.map(([swept]) => swept.hits)).toEqual([500, 101]);
    expect(warn).not.toHaveBeenCalled();
  });

  it('says when the gallery alone is larger than the database may be', async () => {
    const { db, maintenance, warn } = await rig({ maxDatabaseMiB: 16 });
    db.prepare('INSERT INTO settings VALUES (?, hex(zeroblob(9000000)))').run('large');
    await maintenance.run();
    expect(warn).toHaveBeenCalledWith(
      { usedMiB: 17, maxDatabaseMiB: 16 },
      expect.stringContaining('nothing more may be deleted'),
    );
  });

  it('goes on with the next task when one fails, and stops at once', async () => {
    const { db, enrol, backups, maintenance, onSwept, error, clock, hits, outbox } = await rig();
    enrol('Ann');
    db.exec("CREATE TRIGGER no BEFORE DELETE ON hits BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    const time = new Date(clock.nowMs()).toISOString();
    db.transaction(() => {
      for (let n = 0; n < 700; n++) hits.write(hitOf(hits.nextId(clock.nowMs()), { time }));
      for (let seq = 1; seq <= 700; seq++) outbox.acknowledge(seq);
    })();
    clock.pass(40 * DAY_MS);
    await maintenance.run();
    expect(error).toHaveBeenCalledTimes(1);
    expect(backups()).toHaveLength(1);
    db.exec('DROP TRIGGER no');
    onSwept.mockImplementationOnce(() => void maintenance.stop());
    await maintenance.run();
    expect(onSwept).toHaveBeenCalledTimes(1);
    expect(error).toHaveBeenCalledTimes(1);
  });
});

describe('backups of the gallery', () => {
  it('hold people and decisions, and nothing that is kept for a bounded time', async () => {
    const { stateDir, db, hits, admin, enrol } = await rig();
    enrol('Ann');
    hits.write(hitOf('A'), { family: 'f', template: randomFace(random) });
    db.transaction(() => admin.addCorrected('f', 'b', randomFace(random), 1))();
    db.exec("INSERT INTO strangers SELECT 'x', 9, family, vector, 1, 1, 1, NULL FROM strangers");
    db.exec(
      "INSERT INTO stranger_shots SELECT 99, 'x', build, vector, 1, crop, 1 FROM stranger_shots",
    );
    const { path } = await backUpGallery(db, stateDir, 'now');
    const copy = new Sqlite(path, { readonly: true });
    const count = (table: string) => copy.prepare(`SELECT COUNT(*) FROM ${table}`).pluck().get();
    expect(['identities', 'templates', 'strangers', 'stranger_shots'].map(count)).toEqual([
      1, 1, 1, 1,
    ]);
    expect(['hits', 'outbox'].map(count)).toEqual([0, 0]);
    copy.close();
    expect(readdirSync(new Backups(stateDir).folder)).toHaveLength(1);
  });

  it('are of one moment, whatever is written meanwhile', async () => {
    const { stateDir, db, enrol } = await rig();
    db.transaction(() => {
      for (let n = 0; n < 450; n++) enrol(`Person ${n}`);
    })();
    const made = backUpGallery(db, stateDir, 'now');
    await new Promise((resolve) => setImmediate(resolve));
    db.exec('DELETE FROM identities');
    const { path } = await made;
    const copy = new Sqlite(path, { readonly: true });
    expect(copy.prepare('SELECT COUNT(*) FROM identities').pluck().get()).toBe(450);
    expect(copy.prepare('SELECT COUNT(*) FROM templates').pluck().get()).toBe(450);
    copy.close();
  });

  it('are made one after the other, and what an interrupted one left goes', async () => {
    const { stateDir, db, enrol, backups } = await rig();
    db.transaction(() => {
      for (let n = 0; n < 450; n++) enrol(`Person ${n}`);
    })();
    const left = `${new Backups(stateDir).folder}/2026-daily.db.partial`;
    writeFileSync(left, 'half');
    await Promise.all([
      backUpGallery(db, stateDir, 'manual'),
      new Promise((resolve) => setImmediate(resolve)).then(() => backUpChanges(db, stateDir)),
      new Promise((resolve) => setImmediate(resolve)).then(() =>
        backUpGallery(db, stateDir, 'two'),
      ),
    ]);
    expect(backups()).toHaveLength(2);
    for (const { path } of backups()) {
      const copy = new Sqlite(path, { readonly: true });
      expect(copy.prepare('SELECT COUNT(*) FROM identities').pluck().get()).toBe(450);
      copy.close();
    }
    expect(existsSync(left)).toBe(false);
  });

  it('are restored while a daemon works, whose hits stay, without who was forgotten', async () => {
    const { stateDir, db, hits, outbox, store, admin, enrol } = await rig();
    const ann = enrol('Ann');
    enrol('Bob');
    db.transaction(() => admin.addCorrected('f', 'b', randomFace(random), 1))();
    const { path, name } = await backUpGallery(db, stateDir, 'now');
    const elsewhere = readFileSync(path);
    store.remove('Bob');
    enrol('Cem');
    hits.write(hitOf('A', { identity: { id: 'i9', name: 'Somebody' } }));
    db.transaction(() => admin.addCorrected('f', 'b', randomFace(random), 1))();
    await forgetPerson(ann, { db, stateDir, threshold: 0.4 });
    const daemon = await openState(stateDir);
    writeFileSync(path, elsewhere);
    restoreGallery(db, stateDir, name);
    expect(new IdentityStore(daemon).list()).toMatchObject([{ name: 'Bob', templates: 1 }]);
    expect(outbox.size).toBe(1);
    expect(admin.list().map(({ number, shots }) => [number, shots])).toEqual([[1, 1]]);
    const next = db.transaction(() => admin.addCorrected('f', 'b', randomFace(random), 1))();
    expect(next.label).toBe('unknown #3');
    expect(db.pragma('foreign_key_check')).toEqual([]);
    expect(readdirSync(stateDir).filter((file) => file.includes('partial'))).toEqual([]);
  });

  it('bring decisions about strangers back, whatever was decided or numbered since', async () => {
    const { stateDir, db, admin } = await rig();
    const corrected = () =>
      db.transaction(() => admin.addCorrected('f', 'b', randomFace(random), 1))();
    const postman = corrected();
    admin.ignore(postman.id, true);
    const poster = corrected();
    const { name } = await backUpGallery(db, stateDir, 'manual');
    admin.ignore(postman.id, false);
    // As after a damaged database, in whose place an older backup came: numbers are given again.
    admin.remove(poster.id);
    db.exec("UPDATE settings SET value = '1' WHERE key = 'lastStranger'");
    const other = corrected();
    expect(other.label).toBe(poster.label);
    admin.ignore(other.id, false);
    db.exec("UPDATE settings SET value = '1' WHERE key = 'lastStranger'");

    restoreGallery(db, stateDir, name);
    expect(admin.list().map(({ id, anchor, shots }) => ({ id, anchor, shots }))).toEqual([
      { id: poster.id, anchor: 'corrected', shots: 1 },
      { id: postman.id, anchor: 'ignored', shots: 1 },
    ]);
    expect(corrected().label).toBe('unknown #3');
    expect(db.pragma('foreign_key_check')).toEqual([]);
  });

  it('leave the topics of another device alone, whose gallery is taken over', async () => {
    const { stateDir, db, enrol } = await rig();
    enrol('Ann');
    writeSetting(db, 'mqttTopics', 'of the door');
    writeSetting(db, 'threshold', 'of the gallery');
    const { name, path } = await backUpGallery(db, stateDir, 'manual');
    const copy = new Sqlite(path);
    expect(readSetting(copy, 'mqttTopics')).toBeUndefined();
    // As versions before did.
    writeSetting(copy, 'mqttTopics', 'of the door');
    copy.close();
    writeSetting(db, 'mqttTopics', 'of the gate');
    writeSetting(db, 'threshold', 'another');
    restoreGallery(db, stateDir, name);
    expect(readSetting(db, 'mqttTopics')).toBe('of the gate');
    expect(readSetting(db, 'threshold')).toBe('of the gallery');
  });

  it('are refused when there is none of the name, or it is damaged or newer', async () => {
    const { stateDir, db, enrol } = await rig();
    enrol('Ann');
    expect(() => restoreGallery(db, stateDir, 'none.db')).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
    const { name, path } = await backUpGallery(db, stateDir, 'now');
    const copy = new Sqlite(path);
    copy.pragma('user_version = 99');
    copy.close();
    expect(() => restoreGallery(db, stateDir, name)).toThrow(/of a newer faceeval/);
    writeFileSync(path, 'rubbish');
    expect(() => restoreGallery(db, stateDir, name)).toThrow(/is damaged/);
    expect(new IdentityStore(db).list()).toMatchObject([{ name: 'Ann' }]);
  });

  it('serve when the database is damaged', async () => {
    const { stateDir, db, enrol } = await rig();
    enrol('Ann');
    await backUpGallery(db, stateDir, 'daily');
    db.close();
    writeFileSync(databasePath(stateDir), 'rubbish');
    const opened = await openDatabase(stateDir);
    expect(opened.repair).toMatch(/daily-[0-9a-f]{8}\.db took its place/);
    expect(new IdentityStore(opened.db).list()).toMatchObject([{ name: 'Ann' }]);
    opened.db.close();
  });
});
