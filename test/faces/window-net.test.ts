import { expect, it } from 'vitest';
import { Candidates } from '../../src/faces/boxes.js';
import { HalvedPictures } from '../../src/faces/halved-pictures.js';
import { WindowNet } from '../../src/faces/window-net.js';
import { opencv } from '../../src/imaging/opencv.js';
import type { InferenceSession } from '../../src/models/inference-session.js';

const SIDE_PX = 24;
const WINDOW_BYTES = SIDE_PX * SIDE_PX * 3;

/** Its score is the first byte of a window, as is its first offset; it counts what it is given. */
function netThatTellsTheFirstByte(batches: number[]): InferenceSession {
  const declared = (name: string) => ({ name, type: 'float32' as const, shape: [] });
  return {
    inputs: [],
    outputs: [declared('score'), declared('offset')],
    provider: 'cpu',
    threads: 2,
    run: async ({ crops }) => {
      const count = crops?.dims[0] ?? 0;
      batches.push(count);
      const bytes = Array.from({ length: count }, (_, i) => crops?.data[i * WINDOW_BYTES] ?? -1);
      const offset = Float32Array.from(bytes.flatMap((byte) => [byte, 1, 2, 3]));
      return {
        score: { data: Float32Array.from(bytes), dims: [count] },
        offset: { data: offset, dims: [count, 4] },
      };
    },
    release: async () => undefined,
  };
}

it('gives each window its own figures, however many runs they take', async () => {
  const cv = opencv();
  const width = 250;
  const row = Buffer.from(Array.from({ length: width * 3 }, (_, i) => Math.floor(i / 3)));
  const picture = new cv.Mat(Buffer.concat(Array(40).fill(row)), 40, width, cv.CV_8UC3);
  const windows = new Candidates(100);
  for (let i = 0; i < 100; i++) windows.corners.set([i * 2, 5, i * 2 + 24, 29], i * 4);
  windows.count = 100;
  const batches: number[] = [];
  const options = { sidePx: SIDE_PX, rest: 1, plain: true };
  const net = new WindowNet(
    netThatTellsTheFirstByte(batches),
    options,
    { aThread: 16, most: 48 },
    100,
  );
  const { score, offset, landmarks } = await net.judge(new HalvedPictures(picture), windows);
  expect(batches).toEqual([32, 32, 32, 4]);
  expect([...score]).toEqual(Array.from({ length: 100 }, (_, i) => i * 2));
  expect([...offset.subarray(99 * 4)]).toEqual([198, 1, 2, 3]);
  expect(landmarks).toHaveLength(0);
});
