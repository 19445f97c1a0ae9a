import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { goldenFaces } from '../../src/models/golden-faces.js';
import { BuildOpener } from '../../src/models/open-build.js';
import { cosine, tuneRole } from '../../src/models/tune.js';

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

describe('tuning with the shipped models', () => {
  it('measures every build, keeps one that agrees, and is asked the next time', async () => {
    const settings = configSchema.parse({ stateDir: folder });
    const opener = await BuildOpener.create(settings);
    const report = await tuneRole(opener, 'recogniser');
    expect(report.failed).toEqual([]);
    expect(report.rows.length).toBe(opener.rank('recogniser').candidates.length);
    const best = report.rows.find(({ id }) => id === report.best);
    expect(best?.agrees).toBe(true);
    expect(Math.min(...report.rows.filter((r) => r.agrees).map((r) => r.p50Ms))).toBe(best?.p50Ms);
    const again = await BuildOpener.create(settings);
    expect(again.rank('recogniser').candidates[0]).toMatchObject({
      build: { id: report.best },
      reason: expect.stringContaining('measured to be the fastest here'),
    });
  });
});
