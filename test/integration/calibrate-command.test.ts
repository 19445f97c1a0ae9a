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

function text(gallery: string, ...args: string[]): string {
  const env = { ...process.env, FACEEVAL__STATEDIR: join(scratch.dir, gallery) };
  return runProgram(['calibrate', ...args], env).stdout;
}

describe('faceeval calibrate', { timeout: 60_000 }, () => {
  it('sets the threshold from a large gallery, and takes it back', async () => {
    await enrol('large', 60);
    const dry = run('large', '--far', '0.01', '--dry-run');
    expect(dry.result).toMatchObject({ basis: 'gallery', comparisons: 1_770, saved: false });
    // Far below what real faces need: these are directions at random.
    expect(dry.result.threshold).toBeLessThan(dry.result.published);
    expect(await saved('large')).toBeUndefined();
    expect(dry.result.inForce).toBeGreaterThan(dry.result.published);
    const set = run('large', '--far', '0.01');
    expect(set).toMatchObject({ status: 0, result: { saved: true } });
    expect(set.result.inForce).toBe(dry.result.threshold);
    expect((await saved('large'))?.threshold).toBe(dry.result.threshold);
    expect(run('large', '--reset').result).toEqual({ family: FAMILY, removed: true });
    expect(await saved('large')).toBeUndefined();
  });

  it('leaves the published threshold to a small gallery, and needs one at all', async () => {
    await enrol('small', 4);
    const { result } = run('small');
    expect(result).toMatchObject({ basis: 'published', far: 0.0001 });
    expect(result.threshold).toBe(result.published);
    expect(result.saved).toBe(false);
    expect(await saved('small')).toBeUndefined();
    expect(text('small')).toMatch(/nothing is saved: 4 people are too few .* 20 are the least/);
    expect(run('empty')).toMatchObject({
      status: 64,
      stderr: expect.stringMatching(/no templates of/),
    });
    expect(run('small', '--far', '0.5').status).toBe(64);
  });

  it('says which threshold holds when only the published one is left for a rate', async () => {
    await enrol('middling', 24);
    const { result } = run('middling', '--far', '0.01');
    expect(result).toMatchObject({ basis: 'published', saved: false });
    expect(result.inForce).toBe(run('middling').result.threshold);
    expect(result.inForce).toBeGreaterThan(result.threshold);
    const said = text('middling', '--far', '0.01');
    expect(said).toMatch(/276 comparisons of 24 people are too few .* 1000 are the least/);
    expect(said).toContain(
      `not in force: ${result.inForce} is; recogniser.targetFar: 0.01 would set it`,
    );
    expect(text('middling')).not.toContain('not in force');
  });
});
