import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { filmRate } from '../../../src/vision/camera/film-rate.js';
import { ffmpeg, has, makeClip } from './clips.js';

describe.skipIf(!has('ffmpeg'))('filmRate (needs ffmpeg)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceeval-rate-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is what a film was made with, whatever its container', () => {
    const film = makeClip(folder, { name: 'film.mp4', seconds: 2, fps: 15 });
    expect(filmRate(film)).toBe(15);
    const bare = join(folder, 'film.h264');
    ffmpeg('-i', film, '-c', 'copy', bare);
    expect(filmRate(bare)).toBe(15);
    const gif = join(folder, 'film.gif');
    ffmpeg('-i', film, '-vf', 'fps=5', gif);
    expect(filmRate(gif)).toBe(5);
    const ntsc = join(folder, 'ntsc.mkv');
    ffmpeg('-f', 'lavfi', '-i', 'testsrc2=rate=30000/1001:duration=1', ntsc);
    expect(filmRate(ntsc)).toBeCloseTo(29.97, 3);
  });

  it('is unknown of what is no film, or is not there', () => {
    const text = join(folder, 'film.txt');
    writeFileSync(text, 'no film');
    expect(filmRate(text)).toBeUndefined();
    expect(filmRate(join(folder, 'gone.mp4'))).toBeUndefined();
  });
});
