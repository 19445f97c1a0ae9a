import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type LocalAnalysis, openLocalAnalysis } from '../../src/cli/local-analysis.js';
import { evaluateLfw } from '../../src/evaluate/lfw.js';
import { parseLfwPairs } from '../../src/evaluate/lfw-pairs.js';
import { decodeImage } from '../../src/imaging/codec.js';

const data = join(process.env.FACEEVAL_SHARED ?? '../shared', 'data');
const present = existsSync(join(data, 'lfw-pairs.txt'));

/** Ten pairs of one person and ten of two, shuffled within the folds of two. */
async function twentyPairs() {
  const pairs = parseLfwPairs(await readFile(join(data, 'lfw-pairs.txt'), 'utf8'));
  const same = pairs.filter((pair) => pair.same).slice(0, 10);
  const other = pairs.filter((pair) => !pair.same).slice(0, 10);
  return same.flatMap((pair, index) => [pair, other[index] ?? pair]);
}

// Needs the images of LFW (FACEEVAL_SHARED or ../shared beside the repository).
describe.skipIf(!present)('evaluateLfw', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceeval-lfw-'));
  let analysis: LocalAnalysis | undefined;
  afterAll(async () => {
    await analysis?.release();
    rmSync(folder, { recursive: true, force: true });
  });

  it('tells strangers from the same, and keeps the crops that it judged', async () => {
    analysis = await openLocalAnalysis(undefined);
    const { detector, recogniser } = analysis.engine;
    const pairs = await twentyPairs();
    const imagesDir = join(data, 'lfw');
    const setup = { detector, recogniser, imagesDir, pairs, flip: false, cropsDir: folder };
    const result = await evaluateLfw(setup);
    expect(result.accuracy).toBeGreaterThanOrEqual(0.95);
    expect(result.detected).toBe(result.images);
    const crops = await Promise.all(
      [pairs[0]?.first ?? '', pairs[0]?.second ?? ''].map(async (path) =>
        decodeImage(await readFile(join(folder, path.replace('.jpg', '.png')))),
      ),
    );
    for (const crop of crops) expect(crop.size).toEqual({ width: 112, height: 112 });
    const [a, b] = await recogniser.embed(crops.map(({ bgr }) => bgr));
    const cosine = a?.reduce((sum, value, at) => sum + value * (b?.[at] ?? 0), 0);
    expect(cosine).toBeGreaterThan(result.threshold);
    for (const crop of crops) crop.release();
  });
});

describe('evaluateLfw without what it needs', () => {
  const pair = { first: 'A/A_0001.jpg', second: 'A/A_0002.jpg', same: true };
  const setup = (pairs: number) => ({
    // Nothing is looked at before it fails.
    detector: undefined as never,
    recogniser: undefined as never,
    imagesDir: '/not/there',
    pairs: Array.from({ length: pairs }, () => pair),
    flip: false,
  });

  it('says which image is missing', async () => {
    await expect(evaluateLfw(setup(10))).rejects.toMatchObject({
      code: 'IMAGE',
      message: expect.stringMatching(/cannot read \/not\/there\/A\/A_0001.jpg: ENOENT/),
    });
  });

  it('says at once that the pairs are too few', async () => {
    await expect(evaluateLfw(setup(9))).rejects.toMatchObject({
      code: 'USAGE',
      message: '9 pairs are too few: 10 are the least',
    });
  });
});
