import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeEnrolmentPhotos } from '../../src/demo/footage.js';
import { compiledPath } from '../compiled.js';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-demo-test-'));
  mkdirSync(join(folder, 'people'));
  const [freya = ''] = await writeEnrolmentPhotos(join(folder, 'people'));
  // She sways, since a still scene is looked at every few seconds only.
  const sway = "scale=640:640,crop=480:480:'80+60*sin(3*t)':80,format=yuv420p";
  const { status, stderr } = spawnSync(
    'ffmpeg',
    ['-v', 'error', '-loop', '1', '-framerate', '15', '-t', '4', '-i', freya, '-vf', sway].concat([
      '-c:v',
      'libx264',
      join(folder, 'film.mp4'),
    ]),
    { encoding: 'utf8' },
  );
  expect([status, stderr]).toEqual([0, '']);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function demo(...args: string[]) {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [compiledPath('demo/main.js'), '--camera', 'film.mp4', '--out', 'out', ...args],
    { cwd: folder, encoding: 'utf8', timeout: 100_000 },
  );
  return { stdout, stderr };
}

describe('scripts/demo on a film of one’s own', { timeout: 240_000 }, () => {
  it('names the people that are given, in each run anew', () => {
    for (const run of ['first', 'second']) {
      const { stdout } = demo('--people', 'people');
      expect([run, stdout]).toEqual([run, expect.stringContaining('1 recognised: Freya')]);
    }
  });

  it('says that nobody can be named when nobody is given', () => {
    const { stdout, stderr } = demo();
    expect(stderr).toContain('nobody is enrolled: all will be unknown (--people DIR');
    expect(stdout).toContain('0 recognised: nobody; 1 unknown');
  });
});
