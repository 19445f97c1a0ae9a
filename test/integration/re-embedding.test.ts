import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { renderFootage, writeEnrolmentPhotos } from '../../src/demo/footage.js';
import { DaemonProcess, killDaemons, runProgram, scratchFolder } from './daemon-process.js';

const scratch = scratchFolder();
const footage = join(scratch.dir, 'footage.mp4');
const people = join(scratch.dir, 'people');

beforeAll(async () => {
  mkdirSync(people);
  await Promise.all([renderFootage(footage), writeEnrolmentPhotos(people)]);
});
afterEach(killDaemons);
afterAll(() => scratch.remove());

describe('a daemon with another recogniser than the gallery was made with', () => {
  it('knows the people again by itself, from the crops that were kept', async () => {
    const state = join(scratch.dir, 'state');
    const env = { ...process.env, FACEEVAL__STATEDIR: state };
    expect(runProgram(['enroll', '--from', people], env).status).toBe(0);
    const db = new Sqlite(join(state, 'faceeval.db'));
    // As another recogniser would have left them: vectors that mean nothing to this one.
    const vector = Buffer.from(new Float32Array(128).fill(1 / Math.sqrt(128)).buffer);
    db.prepare("UPDATE templates SET family = 'retired', vector = ?").run(vector);

    const daemon = await DaemonProcess.start(scratch.dir, {
      cameras: [{ id: 'door', source: footage, loop: true }],
      log: { level: 'info' },
    });
    await daemon.until('a known face', () => daemon.hits.some(({ type }) => type === 'recognised'));
    expect(daemon.stderr).toMatch(/the gallery was brought over to the recogniser/);
    expect(await daemon.stop()).toBe(0);
    const families = db.prepare('SELECT family, COUNT(*) AS n FROM templates GROUP BY family');
    expect(families.all()).toEqual([
      { family: expect.not.stringMatching('retired'), n: 2 },
      { family: 'retired', n: 2 },
    ]);
    db.close();
  }, 120_000);
});
