import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTar } from 'nanotar';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../src/daemon/database.js';
import { readArchive, writeArchive } from '../../src/gallery/archive-file.js';
import { exportGallery } from '../../src/gallery/gallery-export.js';
import { type ImportOptions, importGallery } from '../../src/gallery/gallery-import.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { HitStore } from '../../src/hits/hit-store.js';
import { Outbox } from '../../src/hits/outbox.js';
import { openState, stateFolder } from '../daemon/state-folder.js';
import { hitOf } from '../hits/records.js';
import { randomFace, seededRandom } from './faces.js';

const NOW_MS = Date.UTC(2026, 10, 24);
const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);
const random = seededRandom(7);

function enrol(db: Database, name: string, photos: number, dimension = 128): string {
  const store = new IdentityStore(db);
  const { id } = store.ensure(name);
  for (let photo = 0; photo < photos; photo++) {
    store.addTemplate(id, {
      family: 'mobilefacenet',
      build: 'fp32',
      vector: randomFace(random, dimension),
      quality: 0.7,
      crop: photo === 0 ? JPEG : undefined,
      source: `${name}-${photo}.jpg`,
    });
  }
  return id;
}

const rowsOf = (db: Database) => ({
  identities: db.prepare('SELECT * FROM identities ORDER BY id').all(),
  templates: db
    .prepare(
      'SELECT id, identity_id, family, build, vector, quality, crop, source, created_at_ms FROM templates ORDER BY id',
    )
    .all(),
});

/** Exports a gallery to a file. */
async function archived(db: Database, identity?: { id: string; name: string }) {
  const path = join(stateFolder(), 'people.tar');
  const made = exportGallery(db, { identity, program: '0.1.0', nowMs: NOW_MS });
  await writeArchive(path, made.files);
  return { path, made };
}

async function load(db: Database, path: string, part: Partial<ImportOptions> = {}) {
  return importGallery(db, await readArchive(path), {
    path,
    merge: false,
    nowMs: NOW_MS,
    forgotten: new Set<string>(),
    ...part,
  });
}

/** An archive with one file changed, and checksums that fit. */
async function changed(path: string, name: string, change: (text: string) => string) {
  const files = new Map(await readArchive(path));
  const text = Buffer.from(files.get(name) as Uint8Array).toString('utf8');
  files.set(name, Buffer.from(change(text)));
  const other = join(stateFolder(), 'changed.tar');
  await writeArchive(other, files);
  return other;
}

describe('export and import of the gallery', () => {
  it('carry every row and crop over, ids and all, and a second import changes nothing', async () => {
    const from = await openState();
    const ann = enrol(from, 'Änn  Ωmega', 3);
    enrol(from, 'Bob', 1);
    new IdentityStore(from).setConsent(ann, { note: 'signed', expiresAtMs: NOW_MS + 1_000 });
    const { path, made } = await archived(from);
    expect(made).toMatchObject({ identities: 2, templates: 4, crops: 2, hits: 0 });
    expect(statSync(path).mode & 0o777).toBe(0o600);

    const to = await openState();
    const first = await load(to, path);
    expect(first.added).toEqual({ identities: 2, templates: 4 });
    expect(rowsOf(to)).toEqual(rowsOf(from));
    const before = rowsOf(to);
    expect(await load(to, path)).toEqual({
      added: { identities: 0, templates: 0 },
      present: { identities: 2, templates: 4 },
      expired: [],
      forgotten: [],
    });
    expect(rowsOf(to)).toEqual(before);
  });

  it('make a file that tar and sha256sum understand', async () => {
    const db = await openState();
    enrol(db, 'Ann', 2);
    const { path } = await archived(db);
    const folder = stateFolder();
    expect(spawnSync('tar', ['xf', path, '-C', folder]).status).toBe(0);
    const sums = spawnSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' });
    expect(sums.stdout).toMatch(/gallery\.json: OK\n/);
    expect(sums.status).toBe(0);
    const again = join(folder, 'again.tar');
    spawnSync('tar', ['cf', again, 'gallery.json', 'crops', 'SHA256SUMS'], { cwd: folder });
    expect((await load(await openState(), again)).added.templates).toBe(2);
  });

  it('give one person everything that is known of them', async () => {
    const db = await openState();
    const ann = enrol(db, 'Ann', 2);
    enrol(db, 'Bob', 2);
    const hits = new HitStore(db, new Outbox(db));
    const template = randomFace(random);
    hits.write(hitOf(hits.nextId(NOW_MS), { identity: { id: ann, name: 'Ann' } }), {
      family: 'mobilefacenet',
      template,
    });
    hits.write(hitOf(hits.nextId(NOW_MS), { identity: { id: 'somebody', name: 'else' } }));
    const { path, made } = await archived(db, { id: ann, name: 'Ann' });
    expect(made).toMatchObject({ identities: 1, templates: 2, hits: 1 });
    const files = await readArchive(path);
    const text = Buffer.from(files.get('hits.jsonl') as Uint8Array).toString('utf8');
    const line = JSON.parse(text) as { hit: { identity: unknown }; evidence: string };
    expect(line.hit.identity).toEqual({ id: ann, name: 'Ann' });
    expect(Buffer.from(line.evidence, 'base64').byteLength).toBe(template.byteLength);
    expect(Buffer.from(files.get('gallery.json') as Uint8Array).toString()).not.toContain('Bob');
  });

  it('refuse a name that is somebody else, until told that both are one', async () => {
    const from = await openState();
    enrol(from, 'Ann', 2);
    enrol(from, 'Carl', 1);
    const { path } = await archived(from);
    const to = await openState();
    const own = enrol(to, 'ANN', 1);
    const before = rowsOf(to);
    await expect(load(to, path)).rejects.toMatchObject({ code: 'USAGE', message: /: Ann$/ });
    expect(rowsOf(to)).toEqual(before);
    expect((await load(to, path, { merge: true })).added).toEqual({ identities: 1, templates: 3 });
    expect(new IdentityStore(to).templates('mobilefacenet', own)).toHaveLength(3);
    expect(new IdentityStore(to).find('Ann')).toEqual({ id: own, name: 'ANN' });
  });

  it('never rename who is there, and leave out whose time is over', async () => {
    const from = await openState();
    const ann = enrol(from, 'Ann', 1);
    const bob = enrol(from, 'Bob', 1);
    new IdentityStore(from).setConsent(bob, { expiresAtMs: NOW_MS });
    const { path } = await archived(from);
    const to = await openState();
    await load(to, path, { nowMs: NOW_MS - 1 });
    const store = new IdentityStore(to);
    store.rename('Ann', 'Ann Lee');
    store.remove('Bob');
    const report = await load(to, path);
    expect(report.expired).toEqual(['Bob']);
    expect(store.list().map(({ id, name }) => ({ id, name }))).toEqual([
      { id: ann, name: 'Ann Lee' },
    ]);
  });

  it('bring nobody back who was forgotten, not even into somebody of the same name', async () => {
    const from = await openState();
    const ann = enrol(from, 'Ann', 2);
    enrol(from, 'Bob', 1);
    const { path } = await archived(from);
    const to = await openState();
    enrol(to, 'Ann', 1);
    const report = await load(to, path, { merge: true, forgotten: new Set([ann]) });
    expect(report).toMatchObject({ forgotten: ['Ann'], added: { identities: 1, templates: 1 } });
    expect(new IdentityStore(to).list()).toMatchObject([
      { name: 'Ann', templates: 1 },
      { name: 'Bob', templates: 1 },
    ]);
  });

  it('do not write over a file', async () => {
    const db = await openState();
    const { path, made } = await archived(db);
    const before = readFileSync(path);
    await expect(writeArchive(path, made.files)).rejects.toMatchObject({ code: 'USAGE' });
    expect(readFileSync(path)).toEqual(before);
  });
});

describe('an archive that is not sound', () => {
  const refused = { code: 'ENROLMENT' };

  it('is refused when a byte of it was changed, and nothing is imported', async () => {
    const from = await openState();
    enrol(from, 'Ann', 1);
    const { path } = await archived(from);
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('"Ann"') + 1] = 'E'.charCodeAt(0);
    writeFileSync(path, bytes);
    const to = await openState();
    await expect(load(to, path)).rejects.toMatchObject({
      ...refused,
      message: /gallery\.json was changed or is damaged/,
    });
    expect(rowsOf(to).identities).toEqual([]);
  });

  it('is refused when it is cut short anywhere', async () => {
    const from = await openState();
    enrol(from, 'Ann', 2);
    const { path } = await archived(from);
    const whole = readFileSync(path);
    // What lies behind the last checksum is padding.
    const last = whole.lastIndexOf('crops/');
    const ends = Array.from({ length: 60 }, () => Math.floor(random() * last));
    for (const end of [0, ...ends, last]) {
      writeFileSync(path, whole.subarray(0, end));
      await expect(readArchive(path)).rejects.toMatchObject(refused);
    }
  });

  it('is refused when something has no checksum or is missing', async () => {
    const path = join(stateFolder(), 'odd.tar');
    writeFileSync(path, createTar([{ name: 'gallery.json', data: '{}' }]));
    await expect(readArchive(path)).rejects.toMatchObject({ message: /has no SHA256SUMS/ });
    writeFileSync(
      path,
      createTar([
        { name: 'gallery.json', data: '{}' },
        { name: 'SHA256SUMS', data: '' },
      ]),
    );
    await expect(readArchive(path)).rejects.toMatchObject({ message: /has no checksum/ });
    const sum = '0'.repeat(64);
    writeFileSync(path, createTar([{ name: 'SHA256SUMS', data: `${sum}  a.jpg\n` }]));
    await expect(readArchive(path)).rejects.toMatchObject({ message: /a\.jpg is missing/ });
    writeFileSync(path, 'a letter, not a tar file'.repeat(100));
    await expect(readArchive(path)).rejects.toMatchObject(refused);
    await expect(readArchive(`${path}-not`)).rejects.toMatchObject({ code: 'USAGE' });
  });

  it.each([
    ['is of another version', /"version": 1/, '"version": 2', /has version 2/],
    ['is something else', /faceeval-gallery/, 'other', /no gallery of faceeval/],
    ['has a key nobody knows', /"name": "Ann"/, '"name": "Ann", "role": "boss"', /role/],
    ['has a vector of another length', /"vector": ".{20}/, '"vector": "', /a vector of/],
    ['has a crop that is not there', /crops\/[0-9A-Z]{26}/, 'crops/nobody', /is missing/],
    ['has no names', /"name": "Ann"/, '"name": "\\u0007"', /no name/],
  ])('is refused when it %s', async (_what, pattern, replacement, message) => {
    const from = await openState();
    enrol(from, 'Ann', 1);
    const { path } = await archived(from);
    const other = await changed(path, 'gallery.json', (text) => {
      expect(text).toMatch(pattern);
      return text.replace(pattern, replacement);
    });
    const to = await openState();
    await expect(load(to, other)).rejects.toMatchObject({ message });
    expect(rowsOf(to).identities).toEqual([]);
  });

  it('is refused when a vector has not unit length', async () => {
    const from = await openState();
    enrol(from, 'Ann', 1);
    const { path } = await archived(from);
    const wrong = Buffer.from(new Float32Array(128).fill(0.5).buffer).toString('base64');
    const other = await changed(path, 'gallery.json', (text) =>
      text.replace(/"vector": "[^"]+"/, `"vector": "${wrong}"`),
    );
    await expect(load(await openState(), other)).rejects.toMatchObject({
      message: /a vector of length 5\.6/,
    });
  });

  it('is refused when its templates do not fit those that are there', async () => {
    const from = await openState();
    enrol(from, 'Ann', 1, 192);
    const { path } = await archived(from);
    const to = await openState();
    enrol(to, 'Bob', 1, 128);
    await expect(load(to, path)).rejects.toMatchObject({ message: /192 values, 128 in/ });
    expect(rowsOf(to).identities).toHaveLength(1);
  });

  it('is refused when one name is two people', async () => {
    const from = await openState();
    enrol(from, 'Ann', 1);
    enrol(from, 'Bob', 1);
    const { path } = await archived(from);
    const other = await changed(path, 'gallery.json', (text) => text.replace('"Bob"', '"aNN"'));
    await expect(load(await openState(), other)).rejects.toMatchObject({
      message: /is in it twice/,
    });
  });
});
