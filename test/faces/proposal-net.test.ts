import { describe, expect, it } from 'vitest';
import { Candidates } from '../../src/faces/boxes.js';
import { CLOSER_SCORE } from '../../src/faces/closer-look.js';
import { HalvedPictures } from '../../src/faces/halved-pictures.js';
import { DEFAULT_NMS, type MtcnnParameters } from '../../src/faces/mtcnn.js';
import { ProposalNet } from '../../src/faces/proposal-net.js';
import { opencv } from '../../src/imaging/opencv.js';
import type { InferenceSession, Provider } from '../../src/models/inference-session.js';

const cv = opencv();
const PARAMETERS: MtcnnParameters = {
  minFacePx: 40,
  pyramidFactor: 0.709,
  thresholds: [0.6, 0.7, 0.8],
  // Nothing is suppressed: every window that passes is seen.
  nms: [1, 1, DEFAULT_NMS[2], DEFAULT_NMS[3]],
  maxFaces: 32,
};

/** The score of a window is the blue in its middle; offsets are zero. */
function netThatSeesBlue(runs: number[][], provider: Provider): InferenceSession {
  return {
    inputs: [],
    outputs: [],
    provider,
    threads: 1,
    run: async ({ image }) => {
      const [, height = 0, width = 0] = image?.dims ?? [];
      runs.push([width, height]);
      const columns = Math.floor((width - 12) / 2) + 1;
      const rows = Math.floor((height - 12) / 2) + 1;
      const score = new Float32Array(columns * rows).map((_, i) => {
        const x = (i % columns) * 2 + 6;
        const y = Math.floor(i / columns) * 2 + 6;
        return (image?.data[(y * width + x) * 3] ?? 0) / 255;
      });
      return {
        score: { data: score, dims: [1, rows, columns] },
        offset: { data: new Float32Array(score.length * 4), dims: [1, 4, rows, columns] },
      };
    },
    release: async () => undefined,
  };
}

/** Windows that a picture's spots lead to, by their sides. */
async function windowsOf(
  spots: readonly { x: number; y: number; side: number; blue: number }[],
  { size = { width: 1280, height: 720 }, provider = 'cuda' as Provider } = {},
) {
  const picture = new cv.Mat(size.height, size.width, cv.CV_8UC3, [0, 0, 0]);
  for (const { x, y, side, blue } of spots) {
    new cv.Mat(side, side, cv.CV_8UC3, [blue, 0, 0]).copyTo(
      picture.getRegion(new cv.Rect(x, y, side, side)),
    );
  }
  const runs: number[][] = [];
  const net = new ProposalNet(netThatSeesBlue(runs, provider), PARAMETERS);
  const found = new Candidates(8192);
  await net.propose(size, new HalvedPictures(picture), found);
  const windows = Array.from({ length: found.count }, (_, i) => {
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = found.corners.subarray(i * 4, i * 4 + 4);
    return { x: (x1 + x2) / 2, y: (y1 + y2) / 2, side: x2 - x1 };
  });
  return { windows, runs };
}

describe('ProposalNet', () => {
  it('looks again, on the levels between, only where something was', async () => {
    const { windows, runs } = await windowsOf([{ x: 300, y: 200, side: 60, blue: 255 }]);
    expect(runs).toHaveLength(2);
    const pixels = runs.map(([width = 0, height = 0]) => width * height);
    expect(pixels[1]).toBeLessThan((pixels[0] ?? 0) / 4);
    // Its middle is blue for windows of every level but the smallest, where it is less than a pixel.
    const sides = new Set(windows.map(({ side }) => Math.round(side / 4)));
    expect(sides.size).toBe(8);
    for (const { x, y, side } of windows) {
      // A pixel of its level is a twelfth of a window; scaling blurs the spot's edge by as much.
      const reach = 30 + side / 8;
      expect(Math.abs(x - 330)).toBeLessThan(reach);
      expect(Math.abs(y - 230)).toBeLessThan(reach);
    }
    // Of the largest level all windows whose middle is in the spot, as if it were run whole.
    const small = windows.filter(({ side }) => side < 41);
    expect(small.length).toBeGreaterThanOrEqual(8 * 8);
    expect(small.length).toBeLessThanOrEqual(10 * 10);
  });

  it('takes one run where nothing is', async () => {
    const { windows, runs } = await windowsOf([]);
    expect(windows).toEqual([]);
    expect(runs).toHaveLength(1);
  });

  it('lets a score that is no proposal decide where to look', async () => {
    const blue = Math.ceil((CLOSER_SCORE + 0.01) * 255);
    const { windows, runs } = await windowsOf([{ x: 900, y: 90, side: 80, blue }]);
    expect(windows).toEqual([]);
    expect(runs).toHaveLength(2);
  });

  it('takes one run over all levels of a small picture', async () => {
    const spot = { x: 100, y: 100, side: 60, blue: 255 };
    const { windows, runs } = await windowsOf([spot], { size: { width: 250, height: 250 } });
    expect(runs).toHaveLength(1);
    expect(new Set(windows.map(({ side }) => Math.round(side / 4))).size).toBe(6);
  });

  it('has nothing to say of a picture smaller than the smallest face', async () => {
    const { windows, runs } = await windowsOf([], { size: { width: 30, height: 30 } });
    expect([windows, runs]).toEqual([[], []]);
  });

  it('finds the same on a CPU, in runs that its cache holds', async () => {
    const spots = [
      { x: 300, y: 200, side: 60, blue: 255 },
      { x: 900, y: 90, side: 50, blue: 255 },
    ];
    const atOnce = await windowsOf(spots);
    const inParts = await windowsOf(spots, { provider: 'cpu' });
    expect(inParts.runs.length).toBeGreaterThan(atOnce.runs.length);
    for (const [width = 0, height = 0] of inParts.runs) {
      expect(width * height).toBeLessThan(20_000);
    }
    const inOrder = (found: typeof atOnce) =>
      [...new Set(found.windows.map((window) => JSON.stringify(window)))].sort();
    expect(inOrder(inParts)).toEqual(inOrder(atOnce));
  });

  it('keeps nothing of a picture on which a run failed', async () => {
    const runs: number[][] = [];
    const sees = netThatSeesBlue(runs, 'cpu');
    const fails: InferenceSession = {
      ...sees,
      run: (inputs) => {
        if (runs.length === 1) throw new Error('no memory');
        return sees.run(inputs);
      },
    };
    const net = new ProposalNet(fails, PARAMETERS);
    const found = new Candidates(8192);
    const size = { width: 1280, height: 720 };
    const all = (blue: number) =>
      new HalvedPictures(new cv.Mat(size.height, size.width, cv.CV_8UC3, [blue, 0, 0]));
    await expect(net.propose(size, all(255), found)).rejects.toThrow('no memory');
    runs.push([]);
    await net.propose(size, all(0), found);
    expect(found.count).toBe(0);
  });
});
