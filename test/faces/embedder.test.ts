import { expect, it } from 'vitest';
import { Embedder } from '../../src/faces/embedder.js';
import { opencv } from '../../src/imaging/opencv.js';
import type { InferenceSession, Provider } from '../../src/models/inference-session.js';

const SIDE_PX = 4;
const FACE_BYTES = SIDE_PX * SIDE_PX * 3;

/** Gives (b, 1) for a face whose first byte is b; keeps how many faces each run was given. */
function netOfTwoNumbers(provider: Provider, runs: number[]): InferenceSession {
  return {
    inputs: [],
    outputs: [],
    provider,
    threads: 2,
    run: async ({ faces }) => {
      const count = faces?.dims[0] ?? 0;
      runs.push(count);
      const pairs = Array.from({ length: count }, (_, i) => [faces?.data[i * FACE_BYTES] ?? 0, 1]);
      return { template: { data: Float32Array.from(pairs.flat()), dims: [count, 2] } };
    },
    release: async () => undefined,
  };
}

/** Five faces, the i-th all of i. */
function fiveFaces() {
  const cv = opencv();
  return [0, 1, 2, 3, 4].map((i) => new cv.Mat(SIDE_PX, SIDE_PX, cv.CV_8UC3, [i, i, i]));
}

it.each([
  ['a light net on two threads', 'cpu', 1, [2, 2, 1]],
  ['a net that reads many weights a run', 'cpu', undefined, [4, 1]],
  ['a GPU', 'cuda', 1, [4, 1]],
] as const)(
  'gives %s as many faces at once as suit it',
  async (_, provider, facesAThread, expected) => {
    const runs: number[] = [];
    const embedder = new Embedder(netOfTwoNumbers(provider, runs), {
      sidePx: SIDE_PX,
      dimension: 2,
      maxBatch: 4,
      ...(facesAThread === undefined ? {} : { facesAThread }),
    });
    const templates = await embedder.embed(fiveFaces());
    expect(runs).toEqual(expected);
    for (const [i, template] of templates.entries()) {
      expect(template[0]).toBeCloseTo(i / Math.hypot(i, 1), 6);
    }
  },
);
