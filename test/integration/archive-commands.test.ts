import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/daemon/database.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { randomFace, seededRandom } from '../gallery/faces.js';
import { runProgram, scratchFolder } from './daemon-process.js';

const scratch = scratchFolder();
const archive = join(scratch.dir, 'gallery.tar');

/** Runs a command on a gallery of this name. */
function run(gallery: string, ...args: string[]) {
  const env = { ...process.env, FACEEVAL__STATEDIR: join(scratch.dir, gallery) };
  const { status, stdout, stderr } = runProgram([...args, '--json'], env);
  return { status, stderr, result: stdout === '' ? undefined : JSON.parse(stdout) };
}

beforeAll(async () => {
  const { db } = await openDatabase(join(scratch.dir, 'old'));
  const store = new IdentityStore(db);
  const random = seededRandom(3);
  for (const name of ['Ann', 'Bob']) {
    const vector = randomFace(random, 192);
    const { id } = store.ensure(name);
    store.addTemplate(id, { family: 'f', build: 'b', vector, quality: 0.5, source: 'photo' });
  }
  db.close();
});
afterAll(() => scratch.remove());

describe('faceeval export and import', { timeout: 60_000 }, () => {
  it('take a gallery to another device', () => {
    expect(run('old', 'export', '--out', archive).result).toMatchObject({
      identities: 2,
      templates: 2,
    });
    expect(run('new', 'import', archive).result).toMatchObject({ added: { identities: 2 } });
    const people = (gallery: string) => run(gallery, 'identities').result;
    expect(people('new')).toEqual(people('old'));
    expect(run('old', 'export', '--out', archive)).toMatchObject({
      status: 64,
      stderr: expect.stringMatching(/exists already/),
    });
  });

  it('refuse what cannot be used, with the exit code of its kind', () => {
    const letter = join(scratch.dir, 'letter.tar');
    writeFileSync(letter, 'Dear Sir or Madam, '.repeat(100));
    expect(run('new', 'import', letter)).toMatchObject({
      status: 65,
      stderr: expect.stringMatching(/nothing was changed/),
    });
    expect(run('new', 'import', join(scratch.dir, 'missing.tar')).status).toBe(64);
    const out = join(scratch.dir, 'nobody.tar');
    expect(run('new', 'export', 'Nobody', '--out', out)).toMatchObject({
      status: 64,
      stderr: expect.stringMatching(/nobody in the gallery is called "Nobody"/),
    });
  });

  it('refuse a taken name until told that both are one person', async () => {
    const { db } = await openDatabase(join(scratch.dir, 'other'));
    new IdentityStore(db).ensure('ann');
    db.close();
    expect(run('other', 'import', archive)).toMatchObject({
      status: 64,
      stderr: expect.stringMatching(/in the gallery already: Ann\n.*--merge/),
    });
    expect(run('other', 'import', archive, '--merge').result.added).toEqual({
      identities: 1,
      templates: 2,
    });
  });
});
