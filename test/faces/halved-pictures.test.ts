import { describe, expect, it } from 'vitest';
import { HalvedPictures } from '../../src/faces/halved-pictures.js';
import { opencv } from '../../src/imaging/opencv.js';

const cv = opencv();
const picture = (rows: number, cols: number) => new cv.Mat(rows, cols, cv.CV_8UC3, [10, 20, 30]);

describe('the halves of a picture', () => {
  it.each([
    [1.9, 1, 1],
    [2, 1, 1 / 2],
    [3.9, 1, 1 / 2],
    [4, 1, 1 / 4],
    [0.3, 1, 1],
    [4, 2, 1 / 2],
    [3.9, 2, 1],
  ])('for a shrink by %d leave %d at least: scale %d', (shrink, rest, scale) => {
    const pictures = new HalvedPictures(picture(160, 200));
    const found = pictures.for(shrink, rest);
    expect(found.scale).toBe(scale);
    expect([found.picture.cols, found.picture.rows]).toEqual([200 * scale, 160 * scale]);
    expect([...found.picture.getData().subarray(0, 3)]).toEqual([10, 20, 30]);
  });

  it('leave an odd row and column out', () => {
    const { picture: half } = new HalvedPictures(picture(161, 203)).for(2, 1);
    expect([half.cols, half.rows]).toEqual([101, 80]);
  });

  it('are made once, and go without the picture itself', () => {
    const whole = picture(160, 200);
    const pictures = new HalvedPictures(whole);
    expect(pictures.for(4, 1).picture).toBe(pictures.for(5, 1).picture);
    pictures.release();
    expect(whole.getData().length).toBe(160 * 200 * 3);
    expect(pictures.for(1, 1).picture).toBe(whole);
  });
});
