import { describe, expect, it } from 'vitest';
import { drawCanvas } from '../../src/faces/canvas.js';
import { opencv } from '../../src/imaging/opencv.js';

const cv = opencv();
const WIDTH = 40;
const HEIGHT = 30;

/** Blue is the column, green the row. */
function ramp() {
  const bytes = Buffer.alloc(WIDTH * HEIGHT * 3);
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    bytes.set([i % WIDTH, Math.floor(i / WIDTH), 9], i * 3);
  }
  return new cv.Mat(bytes, HEIGHT, WIDTH, cv.CV_8UC3);
}

const pixel = (bytes: Uint8Array, width: number, x: number, y: number) => [
  ...bytes.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

describe('drawCanvas', () => {
  it('puts parts of pictures in their places', () => {
    const from = ramp();
    const bytes = drawCanvas({ width: 32, height: 20 }, [
      { from, x: 4, y: 6, place: { x: 0, y: 0, width: 10, height: 8 } },
      { from, x: 20, y: 2, place: { x: 12, y: 4, width: 20, height: 16 } },
    ]);
    expect(bytes).toHaveLength(32 * 20 * 3);
    expect(pixel(bytes, 32, 0, 0)).toEqual([4, 6, 9]);
    expect(pixel(bytes, 32, 9, 7)).toEqual([13, 13, 9]);
    expect(pixel(bytes, 32, 12, 4)).toEqual([20, 2, 9]);
    expect(pixel(bytes, 32, 31, 19)).toEqual([39, 17, 9]);
  });

  it('lets the edge go on beyond a picture', () => {
    const place = { x: 0, y: 0, width: 6, height: 5 };
    const bytes = drawCanvas({ width: 6, height: 5 }, [{ from: ramp(), x: 36, y: 26, place }]);
    expect(pixel(bytes, 6, 3, 3)).toEqual([39, 29, 9]);
    expect(pixel(bytes, 6, 5, 4)).toEqual([39, 29, 9]);
    expect(pixel(bytes, 6, 0, 4)).toEqual([36, 29, 9]);
  });
});
