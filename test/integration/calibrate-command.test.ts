import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/daemon/database.js';
import { readCalibration } from '../../src/gallery/calibration.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { randomFace, seededRandom } from '../gallery/faces.js';
import { runProgram, scratchFolder } from './daemon-process.js';

const FAMILY = 'mobilefacenet-192';
const scratch = scratchFolder();
afterAll(() => scratch.remove());

function run(gallery: string, ...args: string[]) {
  const env = { ...process.env, FACEEVAL__STATEDIR: join(scratch.dir, gallery) };
  const { status, stdout, stderr } = runProgram(['calibrate', ...args, '--json'], env);
  return { status, stderr, result: stdout === '' ? undefined : JSON.parse(stdout) };
}

async function enrol(gallery: string, people: number): Promise<void> {
  const { db } = await openDatabase(join(scratch.dir, gallery));
  const store = new IdentityStore(db);
  const random = seededRandom(11);
  db.transaction(() => {
    for (let person = 0; person < people; person++) {
      const vector = randomFace(random, 192);
      const { id } = store.ensure(`Person ${person}`);
      store.addTemplate(id, { family: FAMILY, build: 'b', vector, quality: 0.5, source: 'photo' });
    }
  })();
  db.close();
}

async function saved(gallery: string) {
  const { db } = await openDatabase(join(scratch.dir, gallery));
  try {
    return readCalibration(db, FAMILY);
  } finally {
    db.close();
  }
}

describe('faceeval calibrate', { timeout: 60_000 }, () => {
  it('sets the threshold from a large gallery, and takes it back', async () => {
    await enrol('large', 60);
    const dry = run('large', '--far', '0.01', '--dry-run');
    expect(dry.result).toMatchObject({ basis: 'gallery', comparisons: 1_770, saved: false });
    // Far below what real faces need: these are directions at random.
    expect(dry.result.threshold).toBeLessThan(dry.result.published);
    expect(await saved('large')).toBeUndefined();
    expect(run('large', '--far', '0.01').status).toBe(0);
    expect((await saved('large'))?.threshold).toBe(dry.result.threshold);
    expect(run('large', '--reset').result).toEqual({ family: FAMILY, removed: true });
    expect(await saved('large')).toBeUndefined();
  });

  it('leaves the published threshold to a small gallery, and needs one at all', async () => {
    await enrol('small', 4);
    const { result } = run('small');
    expect(result).toMatchObject({ basis: 'published', far: 0.0001 });
    expect(result.threshold).toBe(result.published);
    expect(await saved('small')).toBeUndefined();
    expect(run('empty')).toMatchObject({
      status: 64,
      stderr: expect.stringMatching(/no templates of/),
    });
    expect(run('small', '--far', '0.5').status).toBe(64);
  });
});
