import { describe, expect, it } from 'vitest';
import { Candidates } from '../../src/faces/boxes.js';
import { cropBatch } from '../../src/faces/crops.js';
import { HalvedPictures } from '../../src/faces/halved-pictures.js';
import { opencv } from '../../src/imaging/opencv.js';

const WIDTH = 240;
const HEIGHT = 160;

/** A picture whose blue is the column and whose green is the row: a crop tells where it came from. */
function cropsOf(corners: readonly number[], sidePx: number, plain: boolean) {
  const cv = opencv();
  const bytes = Buffer.alloc(WIDTH * HEIGHT * 3, 255);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      bytes[(y * WIDTH + x) * 3] = x;
      bytes[(y * WIDTH + x) * 3 + 1] = y;
    }
  }
  const candidates = new Candidates(corners.length / 4);
  candidates.count = corners.length / 4;
  candidates.corners.set(corners);
  const out = new Uint8Array(candidates.count * sidePx * sidePx * 3).fill(7);
  const pictures = new HalvedPictures(new cv.Mat(bytes, HEIGHT, WIDTH, cv.CV_8UC3));
  cropBatch(pictures, candidates, { sidePx, rest: 1, plain }, out, 0, candidates.count);
  const at = (x: number, y: number) => [
    ...out.subarray((y * sidePx + x) * 3, (y * sidePx + x) * 3 + 3),
  ];
  return Object.assign(at, { corners: candidates.corners });
}

describe.each([true, false])('cropBatch, plain: %s', (plain) => {
  it.each([12, 24, 40, 49, 71, 96, 119])(
    'puts %i px in their places, and says which it cut',
    (sizePx) => {
      const at = cropsOf([61, 37, 61 + sizePx, 37 + sizePx], 24, plain);
      const [left = 0, top = 0, right = 0] = at.corners;
      expect(Math.abs(left - 61)).toBeLessThanOrEqual(plain ? 0 : 2);
      for (const [x, y] of [
        [3, 3],
        [12, 5],
        [20, 20],
      ] as const) {
        const [blue = 0, green = 0] = at(x, y);
        const step = (right - left) / 24;
        expect(Math.abs(blue - (left + (x + 0.5) * step - 0.5))).toBeLessThanOrEqual(1);
        expect(Math.abs(green - (top + (y + 0.5) * step - 0.5))).toBeLessThanOrEqual(1);
      }
    },
  );

  it('is black beyond the picture, and only there', () => {
    const at = cropsOf([WIDTH - 24, HEIGHT - 24, WIDTH + 24, HEIGHT + 24], 24, plain);
    expect(at(20, 3)).toEqual([0, 0, 0]);
    expect(at(3, 20)).toEqual([0, 0, 0]);
    const [blue = 0, green = 0, red] = at(3, 3);
    expect(red).toBe(255);
    expect(Math.abs(blue - (WIDTH - 24 + 6.5))).toBeLessThanOrEqual(1);
    expect(Math.abs(green - (HEIGHT - 24 + 6.5))).toBeLessThanOrEqual(1);
  });

  it('is all black for a box outside, whatever was there before', () => {
    expect(cropsOf([-90, -90, -50, -50], 24, plain)(12, 12)).toEqual([0, 0, 0]);
    expect(cropsOf([300, 10, 300, 10], 24, plain)(12, 12)).toEqual([0, 0, 0]);
  });

  it('fills one crop after the other', () => {
    const at = cropsOf([0, 0, 24, 24, 100, 100, 124, 124], 24, plain);
    expect(at(4, 4).slice(0, 2)).toEqual([4, 4]);
    expect(at(4, 24 + 4).slice(0, 2)).toEqual([104, 104]);
  });
});
