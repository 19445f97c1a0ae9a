import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { defaultThreads } from '../../src/models/build-choice.js';
import { goldenFaces } from '../../src/models/golden-faces.js';
import { BuildOpener } from '../../src/models/open-build.js';
import { cosine, pickBest, tuneRole } from '../../src/models/tune.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-tune-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('golden faces', () => {
  it('are the same everywhere and differ from one another', () => {
    const faces = goldenFaces(2, 112);
    expect(faces).toEqual(goldenFaces(2, 112));
    const half = faces.length / 2;
    expect(faces.subarray(0, half)).not.toEqual(faces.subarray(half));
    let sum = 0;
    for (const value of faces) sum += value;
    expect(sum / faces.length).toBeGreaterThan(30);
    expect(sum / faces.length).toBeLessThan(220);
  });
});

describe('cosine', () => {
  it('knows equal, opposite and orthogonal vectors', () => {
    const v = Float32Array.from([1, 2, 3]);
    expect(cosine(v, v)).toBeCloseTo(1);
    expect(
      cosine(
        v,
        v.map((x) => -x),
      ),
    ).toBeCloseTo(-1);
    expect(cosine(Float32Array.from([1, 0]), Float32Array.from([0, 5]))).toBe(0);
  });
});

describe('the row that is kept', () => {
  const row = (id: string, threads: number, p50Ms: number, agrees = true) => ({
    ...{ id, threads, p50Ms, agrees },
    ...{ precision: 'fp32', provider: 'cpu', agreement: agrees ? 1 : 0.9 },
  });

  it.each([
    ['the fastest', [row('a', 1, 9), row('a', 2, 5), row('b', 1, 7)], ['a', 2]],
    ['no row that disagrees', [row('a', 2, 5), row('b', 1, 1, false)], ['a', 2]],
    ['fewer threads where they are nearly as fast', [row('a', 3, 5), row('b', 1, 5.4)], ['b', 1]],
    ['the faster of two with as many threads', [row('a', 1, 5.2), row('b', 1, 5)], ['b', 1]],
  ])('is %s', (_, rows, [id, threads]) => {
    expect(pickBest(rows)).toMatchObject({ id, threads });
  });
});

describe('tuning with the shipped models', { timeout: 60_000 }, () => {
  it('measures every build of the family, keeps one that agrees, and is asked the next time', async () => {
    const settings = configSchema.parse({ stateDir: folder });
    const opener = await BuildOpener.create(settings);
    // What is found moves the best build to the front.
    const { candidates } = opener.rank('recogniser');
    const brothers = candidates.filter(({ build }) => build.family === candidates[0]?.build.family);
    expect(brothers.length).toBeLessThan(candidates.length);
    const report = await tuneRole(opener, 'recogniser');
    expect(report.failed).toEqual([]);
    const most = defaultThreads(opener.device);
    const threads = [...new Set([1, Math.min(2, most), most])];
    expect(report.rows.map(({ id, threads }) => [id, threads])).toEqual(
      brothers.flatMap(({ build }) => threads.map((count) => [build.id, count])),
    );
    expect(report.best).toEqual(pickBest(report.rows));
    const again = await BuildOpener.create(settings);
    expect(again.rank('recogniser').candidates[0]).toMatchObject({
      build: { id: report.best.id },
      threads: report.best.threads,
      reason: expect.stringContaining('measured to be the fastest here'),
    });
  });
});
