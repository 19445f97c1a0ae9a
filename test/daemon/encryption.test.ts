import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { Backups } from '../../src/daemon/backups.js';
import { Configuration } from '../../src/daemon/configuration.js';
import { type Database, databasePath, openDatabase } from '../../src/daemon/database.js';
import { backUpGallery, restoreGallery } from '../../src/daemon/gallery-backup.js';
import { RecognitionHost } from '../../src/daemon/recognition-host.js';
import type { Template } from '../../src/domain/records.js';
import { vaultOf } from '../../src/gallery/blob-vault.js';
import { toCompact } from '../../src/gallery/compact-vector.js';
import { ForgottenLedger } from '../../src/gallery/forgotten.js';
import { exportGallery } from '../../src/gallery/gallery-export.js';
import { importGallery } from '../../src/gallery/gallery-import.js';
import { GalleryIndex } from '../../src/gallery/gallery-index.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { reembedGallery } from '../../src/gallery/re-embedding.js';
import { StrangerAdmin } from '../../src/gallery/stranger-admin.js';
import { Strangers } from '../../src/gallery/strangers.js';
import { toBlob } from '../../src/gallery/vector-blob.js';
import { Corrections } from '../../src/hits/corrections.js';
import { findHit } from '../../src/hits/hit-lookup.js';
import type { AnalysedFace } from '../../src/vision/messages.js';
import { faceNear, randomFace } from '../gallery/faces.js';
import { FAMILY, filesWith, type Household, household } from './household.js';
import { openState, stateFolder } from './state-folder.js';

const { gallery: galleryConfig } = configSchema.parse({});

function keyFile(content: string | Buffer = randomBytes(32).toString('base64')): string {
  const path = join(stateFolder(), 'key');
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

const on = (file: string) => ({ enabled: true, keyFile: file });
const off = (file: string) => ({ enabled: false, keyFile: file });

/** People, strangers and hits with everything that is a face, and a backup of them. */
async function lived() {
  const home = await household();
  const ann = home.enrol('Annegret', 3);
  home.enrol('Bob', 2);
  home.stranger(randomFace(home.random, 192));
  const hit = home.hit(ann.identity, ann.face, true);
  await new Backups(home.folder).create(home.db, 'daily');
  home.db.close();
  return { home, folder: home.folder, ann, hit };
}

/** Pieces of every face that the household stored. */
const faces = ({ crops, vectors }: Household): Buffer[] => [
  ...crops.map((crop) => crop.subarray(100, 140)),
  ...vectors.flatMap((vector) => [toBlob(vector).subarray(0, 32), toBlob(vector).subarray(-32)]),
];

function faceWith(template: Template): AnalysedFace {
  const at = { x: 0, y: 0 };
  return {
    ...{ box: { x: 0, y: 0, width: 112, height: 112 }, score: 1, landmarks: [at, at, at, at, at] },
    quality: { value: 0.9, interocularPx: 40, sharpness: 1, frontality: 1, luma: 120 },
    ...{ template, crop: new Uint8Array() },
  };
}

/** Some of what is stored lies across the border of two pages, and is not found in one piece. */
const shareIn = (folder: string, needles: readonly Buffer[]) =>
  needles.filter((needle) => filesWith(folder, needle).length > 0).length / needles.length;

function flipBit(db: Database, table: string, where: string): void {
  const row = db
    .prepare<[], { id: number; vector: Buffer }>(
      `SELECT rowid AS id, vector FROM ${table} WHERE ${where} LIMIT 1`,
    )
    .get() as { id: number; vector: Buffer };
  row.vector[100] = (row.vector[100] as number) ^ 1;
  db.prepare(`UPDATE ${table} SET vector = ? WHERE rowid = ?`).run(row.vector, row.id);
}

const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('encryption at rest', () => {
  it('encrypts what is there when it is turned on, in every file', async () => {
    const { home, folder, ann } = await lived();
    const needles = [...faces(home), toCompact(ann.face).subarray(20, 60)];
    expect(shareIn(folder, needles)).toBeGreaterThan(0.7);
    const key = keyFile();
    const { db, converted } = await openDatabase(folder, on(key));
    expect(converted).toBe('14 templates and crops were encrypted, and 1 older copies replaced');
    for (const needle of needles) expect(filesWith(folder, needle)).toEqual([]);
    expect(new Backups(folder).list()).toMatchObject([
      { name: expect.stringContaining('after-encryption') },
    ]);
    // A name is no face: it is stored as it is, and docs/storage.md says so.
    expect(filesWith(folder, 'Annegret').length).toBeGreaterThan(0);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    db.close();
    const again = await openDatabase(folder, on(key));
    expect(again.converted).toBeUndefined();
    again.db.close();
  });

  it('changes nothing that anybody sees', async () => {
    const { folder, ann, hit } = await lived();
    const seen = async (db: Database) => {
      const index = new GalleryIndex();
      index.load(new IdentityStore(db).eachTemplate(FAMILY));
      const sighting = { template: ann.face, quality: 0.5, build: 'b', atMs: 0 };
      const { files } = exportGallery(db, { identity: ann.identity, program: '1', nowMs: 0 });
      return {
        candidates: index.search(ann.face, 9),
        place: new Strangers(db, FAMILY, () => -1).place(sighting).stranger,
        crop: new StrangerAdmin(db, galleryConfig).crop('1'),
        evidence: findHit(db, hit).evidence,
        files: [...files].map(([name, content]) => [name, Buffer.from(content).toString('base64')]),
      };
    };
    const before = await openState(folder);
    const plain = await seen(before);
    before.close();
    expect(await seen(await openState(folder, on(keyFile())))).toEqual(plain);
  });

  it('seals all that is written from then on, whoever writes it', async () => {
    const folder = stateFolder();
    const home = await household(folder, on(keyFile()));
    const ann = home.enrol('Ann', 2);
    home.stranger(randomFace(home.random, 192));
    home.stranger(faceNear(home.vectors.at(-1) as Template, 0.9, home.random));
    home.stranger(randomFace(home.random, 192));
    const first = home.hit(ann.identity, ann.face, true);
    const second = home.hit(ann.identity, faceNear(ann.face, 0.7, home.random), true);
    const corrections = new Corrections(home.db, galleryConfig);
    corrections.assign(first, 'Beth');
    corrections.reject(second);
    const admin = new StrangerAdmin(home.db, galleryConfig);
    admin.merge('2', '1');
    admin.name('1', 'Cem');
    const made = randomFace(home.random, 64);
    const seen: Buffer[] = [];
    await reembedGallery({
      ...{ db: home.db, family: 'other', build: 'o', signal: new AbortController().signal },
      embed: async (crop) => {
        seen.push(Buffer.from(crop));
        return { ok: true, frame: { width: 1, height: 1 }, faces: [faceWith(made)] };
      },
    });
    expect(seen.toSorted(Buffer.compare)).toEqual(home.crops.toSorted(Buffer.compare));
    const other = await openState(stateFolder());
    const archive = exportGallery(home.db, { program: '1', nowMs: 0 });
    const from = await household(stateFolder(), on(keyFile()));
    const options = { path: 'a', merge: false, nowMs: 0, forgotten: new Set<string>() };
    importGallery(from.db, archive.files, options);
    importGallery(other, archive.files, options);
    const needles = [...faces(home), toBlob(made).subarray(0, 32)];
    needles.push(toCompact(ann.face).subarray(20, 60));
    for (const needle of needles) {
      expect(filesWith(folder, needle)).toEqual([]);
      expect(filesWith(from.folder, needle)).toEqual([]);
    }
    expect(new IdentityStore(from.db).templates(FAMILY)).toEqual(
      new IdentityStore(other).templates(FAMILY),
    );
  });

  it('decrypts what is there when it is turned off again', async () => {
    const { home, folder } = await lived();
    const key = keyFile();
    (await openDatabase(folder, on(key))).db.close();
    const { db, converted } = await openDatabase(folder, off(key));
    expect(converted).toMatch(/^14 templates and crops were decrypted/);
    expect(shareIn(folder, faces(home))).toBeGreaterThan(0.7);
    db.close();
    const plain = await openDatabase(folder);
    expect(plain.db.prepare("SELECT 1 FROM settings WHERE key = 'encryption'").get()).toBe(
      undefined,
    );
    plain.db.close();
  });

  it('says when the key is missing, readable by others, malformed or another one', async () => {
    const { folder } = await lived();
    const key = keyFile();
    (await openDatabase(folder, on(key))).db.close();
    await expect(openDatabase(folder)).rejects.toEqual(
      refusal('CONFIG', /are encrypted, and there is no key/),
    );
    await expect(openDatabase(folder, on(keyFile()))).rejects.toEqual(
      refusal('STORE', /is not the key that .*faceeval\.db is encrypted with/),
    );
    await expect(openDatabase(folder, on('/nowhere/key'))).rejects.toEqual(
      refusal('CONFIG', /encryption\.keyFile cannot be read: ENOENT/),
    );
    await expect(openDatabase(folder, on(keyFile('short')))).rejects.toEqual(
      refusal('CONFIG', /holds no key of 32 bytes/),
    );
    chmodSync(key, 0o640);
    await expect(openDatabase(folder, on(key))).rejects.toEqual(
      refusal('CONFIG', /can be read by other users/),
    );
    chmodSync(key, 0o600);
    (await openDatabase(folder, on(key))).db.close();
  });

  it.each([
    ['32 bytes', (key: Buffer) => key],
    ['hexadecimal', (key: Buffer) => `${key.toString('hex')}\n`],
    ['base64', (key: Buffer) => `${key.toString('base64')}\n`],
  ])('takes a key as %s', async (_form, write) => {
    const key = randomBytes(32);
    const folder = stateFolder();
    const first = await household(folder, on(keyFile(key)));
    first.enrol('Ann', 1);
    first.db.close();
    const home = await household(folder, on(keyFile(write(key))));
    expect(home.store.templates(FAMILY)).toHaveLength(1);
  });

  it('takes a credential of systemd, whose access list shows as rights of the group', async () => {
    const key = keyFile();
    chmodSync(key, 0o440);
    process.env.CREDENTIALS_DIRECTORY = dirname(key);
    try {
      (await openDatabase(stateFolder(), on(key))).db.close();
    } finally {
      delete process.env.CREDENTIALS_DIRECTORY;
    }
  });

  it('is not changed while another process has the database open', {
    timeout: 60_000,
  }, async () => {
    const { home, folder } = await lived();
    const daemon = await household(folder);
    const key = keyFile();
    await expect(openDatabase(folder, on(key))).rejects.toEqual(
      refusal('STORE', /is in use: encryption cannot be changed now/),
    );
    daemon.enrol('Cem', 1);
    daemon.db.close();
    const { db, converted } = await openDatabase(folder, on(key));
    expect(converted).toMatch(/^16 /);
    for (const needle of faces(home)) expect(filesWith(folder, needle)).toEqual([]);
    db.close();
  });

  it('is all or nothing, and is finished by the next start when it was interrupted', async () => {
    const { home, folder } = await lived();
    const key = keyFile();
    const raw = new Sqlite(databasePath(folder));
    raw.exec("CREATE TRIGGER no BEFORE UPDATE ON hits BEGIN SELECT RAISE(ABORT, 'power cut'); END");
    raw.close();
    await expect(openDatabase(folder, on(key))).rejects.toThrow(/power cut/);
    const plain = await household(folder);
    expect(plain.store.templates(FAMILY)).toHaveLength(5);
    plain.db.exec('DROP TRIGGER no');
    plain.db.close();

    const backup = join(folder, 'backups/2099-old.db');
    copyFileSync(new Backups(folder).list()[0]?.path as string, backup);
    const elsewhere = join(stateFolder(), 'old.db');
    copyFileSync(backup, elsewhere);
    (await openDatabase(folder, on(key))).db.close();
    // As if the machine had gone down before the old backup was deleted.
    copyFileSync(elsewhere, backup);
    const between = new Sqlite(databasePath(folder));
    between.exec(
      "UPDATE settings SET value = json_set(value, '$.cleaning', json('true')) WHERE key = 'encryption'",
    );
    between.close();
    (await openDatabase(folder, on(key))).db.close();
    for (const needle of faces(home)) expect(filesWith(folder, needle)).toEqual([]);
    expect(existsSync(backup)).toBe(false);
  });

  it('is undone when it was killed in the middle, with pages of both forms on the disk', async () => {
    const { home, folder } = await lived();
    const killed = stateFolder();
    const db = new Sqlite(databasePath(folder));
    db.pragma('journal_mode = DELETE');
    // Pages that do not fit in the cache are written before the commit.
    db.pragma('cache_size = 4');
    db.exec('BEGIN; UPDATE templates SET vector = zeroblob(800), crop = zeroblob(9000)');
    for (const suffix of ['', '-journal']) {
      copyFileSync(databasePath(folder) + suffix, databasePath(killed) + suffix);
    }
    db.close();
    const key = keyFile();
    const { db: opened, repair, converted } = await openDatabase(killed, on(key));
    expect(repair).toBeUndefined();
    expect(converted).toMatch(/^14 templates and crops were encrypted/);
    expect(new IdentityStore(opened).templates(FAMILY).map(({ vector }) => vector)).toEqual(
      home.vectors.slice(0, 5),
    );
    opened.close();
  });

  it('tells a damaged face from a wrong key', async () => {
    const folder = stateFolder();
    const home = await household(folder, on(keyFile()));
    home.enrol('Ann', 1);
    const damage = home.db.prepare(
      'UPDATE templates SET vector = CAST(substr(vector, 1, 60) || zeroblob(4) AS BLOB)',
    );
    const vector = () => home.db.prepare('SELECT vector FROM templates').pluck().get() as Buffer;
    damage.run();
    expect(() => vaultOf(home.db).open(vector())).toThrow(
      refusal('STORE', /cannot be decrypted: it is damaged, or of another key/),
    );
    home.db.exec('UPDATE templates SET vector = zeroblob(64)');
    expect(() => vaultOf(home.db).open(vector())).toThrow(/it is not sealed/);
  });

  it('does without a damaged face, and counts it, and not without all others', async () => {
    const key = keyFile();
    const home = await household(stateFolder(), on(key));
    const ann = home.enrol('Ann', 3);
    const bob = home.enrol('Bob', 1);
    for (let n = 0; n < 3; n++) home.stranger(randomFace(home.random, 192));
    new StrangerAdmin(home.db, galleryConfig).ignore('3', true);
    flipBit(home.db, 'templates', `identity_id = '${ann.identity.id}'`);
    flipBit(home.db, 'strangers', 'number = 2');
    flipBit(
      home.db,
      'stranger_shots',
      'stranger_id IN (SELECT id FROM strangers WHERE number = 3)',
    );
    const options = { ...{ outbox: home.outbox, fast: false }, log: pino({ level: 'silent' }) };
    const error = vi.spyOn(options.log, 'error');
    const config = configSchema.parse({ recogniser: { threshold: 0.4 } });
    const configuration = new Configuration(config, options.log);
    const host = new RecognitionHost({ ...options, db: home.db, configuration });
    host.use({ id: 'mobilefacenet-192-int8', family: FAMILY });
    host.reloadGallery();
    expect(host.problems()).toEqual([expect.stringMatching(/^3 faces are damaged and left out/)]);
    expect(error).toHaveBeenCalledTimes(1);
    expect(host.gallerySize).toBe(3);
    const place = (template: Template) =>
      new Strangers(home.db, FAMILY, () => -1).place({
        ...{ template, quality: 0.5, build: 'b', atMs: 0 },
      });
    expect(place(ann.face).stranger.label).toMatch(/#[13]$/);
    home.enrol('Ann', 1);
    expect(host.reloadGallery()).toEqual([]);
    expect(host.gallerySize).toBe(4);

    // Whose face cannot be read may be the one who is to be forgotten.
    const report = await home.forget(bob.identity);
    expect(report).toMatchObject({ complete: true, erased: { strangers: 1 } });
    new ForgottenLedger(home.folder).add(ann.identity.id);
    home.db.close();
    const { db } = await openDatabase(home.folder, on(key));
    expect(new IdentityStore(db).list()).toEqual([]);
    db.close();
  });

  it('is turned off in spite of a damaged face, which is dropped and told of', async () => {
    const key = keyFile();
    const home = await household(stateFolder(), on(key));
    const ann = home.enrol('Ann', 2);
    home.stranger(randomFace(home.random, 192));
    home.hit(ann.identity, ann.face, true);
    const whole = new IdentityStore(home.db).templates(FAMILY);
    flipBit(home.db, 'templates', 'true');
    home.db.exec("UPDATE hits SET evidence = CAST(substr(evidence, 1, 60) || 'x' AS BLOB)");
    home.db.exec('UPDATE stranger_shots SET crop = zeroblob(100)');
    home.db.close();
    const { db, converted } = await openDatabase(home.folder, off(key));
    expect(converted).toMatch(/^4 .+ were decrypted; 3 were damaged and are gone$/);
    const left = new IdentityStore(db).templates(FAMILY);
    expect(whole).toEqual(expect.arrayContaining(left));
    expect(left).toHaveLength(1);
    expect(db.prepare('SELECT 1 FROM hits WHERE evidence IS NOT NULL').all()).toEqual([]);
    expect(db.prepare('SELECT crop FROM stranger_shots').pluck().all()).toEqual([null]);
    db.close();
    (await openDatabase(home.folder)).db.close();
  });

  it('forgets a person as wholly as without it', { timeout: 60_000 }, async () => {
    const home = await household(stateFolder(), on(keyFile()));
    const ann = home.enrol('Annegret', 2);
    home.enrol('Bob', 1);
    home.hit(ann.identity, ann.face, false);
    home.stranger(faceNear(ann.face, 0.7, home.random));
    await backUpGallery(home.db, home.folder, 'daily');
    const stored = home.db
      .prepare('SELECT vector FROM templates WHERE identity_id = ?')
      .pluck()
      .all(ann.identity.id) as Buffer[];
    const report = await home.forget(ann.identity);
    expect(report).toMatchObject({
      complete: true,
      erased: { templates: 2, hits: 2, strangers: 1 },
    });
    for (const needle of ['Annegret', ...stored.map((blob) => blob.subarray(32, 64))]) {
      expect(filesWith(home.folder, needle)).toEqual([]);
    }
  });
});

describe('backups of an encrypted gallery', () => {
  async function sealed(key = keyFile()) {
    const home = await household(stateFolder(), on(key));
    home.enrol('Ann', 2);
    const { name, path } = await backUpGallery(home.db, home.folder, 'now');
    const elsewhere = join(stateFolder(), name);
    copyFileSync(path, elsewhere);
    return { home, name, elsewhere, key };
  }

  it('are encrypted, restored as they are, and serve when the database is damaged', async () => {
    const { home, name, key } = await sealed();
    for (const needle of faces(home)) expect(filesWith(home.folder, needle)).toEqual([]);
    home.store.remove('Ann');
    restoreGallery(home.db, home.folder, name);
    expect(home.store.templates(FAMILY)).toHaveLength(2);
    home.db.close();
    writeFileSync(databasePath(home.folder), 'rubbish');
    const { db, repair } = await openDatabase(home.folder, on(key));
    expect(repair).toMatch(/took its place/);
    expect(new IdentityStore(db).templates(FAMILY)).toHaveLength(2);
    db.close();
  });

  it('are encrypted on the way when they come from before', async () => {
    const { home } = await sealed();
    const before = await household();
    before.enrol('Old', 2);
    const { path } = await backUpGallery(before.db, before.folder, 'plain');
    const name = '2020-plain.db';
    copyFileSync(path, join(home.folder, 'backups', name));
    restoreGallery(home.db, home.folder, name);
    expect(home.store.list()).toMatchObject([{ name: 'Old', templates: 2 }]);
    expect(home.store.templates(FAMILY).map(({ vector }) => vector)).toEqual(before.vectors);
    for (const needle of faces(before)) {
      expect(filesWith(home.folder, needle)).toEqual([join(home.folder, 'backups', name)]);
    }
    expect(readdirSync(home.folder).filter((file) => file.includes('partial'))).toEqual([]);
  });

  it('are refused where the key is another, or there is none', async () => {
    const { elsewhere, name } = await sealed();
    const plain = await household();
    plain.enrol('Bob', 1);
    copyFileSync(elsewhere, join(plain.folder, 'backups', name));
    expect(() => restoreGallery(plain.db, plain.folder, name)).toThrow(
      refusal('STORE', /it is encrypted, and this gallery is not/),
    );
    const other = await household(stateFolder(), on(keyFile()));
    copyFileSync(elsewhere, join(other.folder, 'backups', name));
    expect(() => restoreGallery(other.db, other.folder, name)).toThrow(
      refusal('STORE', /is not the key that the backup is encrypted with/),
    );
    expect(plain.store.list()).toHaveLength(1);
  });
});
