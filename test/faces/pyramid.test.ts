import { describe, expect, it } from 'vitest';
import { HalvedPictures } from '../../src/faces/halved-pictures.js';
import { packTightly } from '../../src/faces/packing.js';
import { Pyramid, planLevels } from '../../src/faces/pyramid.js';
import { opencv } from '../../src/imaging/opencv.js';

describe('planLevels', () => {
  it('goes from the smallest face to the largest that fits', () => {
    const levels = planLevels({ width: 640, height: 480 }, 40, 0.5);
    expect(levels.map(({ width, height }) => [width, height])).toEqual([
      [192, 144],
      [96, 72],
      [48, 36],
      [24, 18],
    ]);
  });

  it('has no level for a picture smaller than the smallest face', () => {
    expect(planLevels({ width: 30, height: 30 }, 40, 0.709)).toEqual([]);
  });

  it('packs well: the canvas of a 640×480 frame is at most an eighth larger than its levels', () => {
    const levels = planLevels({ width: 640, height: 480 }, 40, 0.709);
    const { size } = packTightly(levels);
    const used = levels.reduce((sum, level) => sum + level.width * level.height, 0);
    expect((size.width * size.height) / used).toBeLessThan(1.125);
  });
});

describe.each([true, false])('Pyramid, plain: %s', (plain) => {
  it.each([
    [320, 240],
    [643, 481],
    [1280, 720],
  ])('keeps everything in its place on every level of a %i×%i picture', (width, height) => {
    const cv = opencv();
    const ramp = Buffer.alloc(width * height * 3, 220);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        ramp[(y * width + x) * 3] = Math.round((x / width) * 250);
        ramp[(y * width + x) * 3 + 1] = Math.round((y / height) * 250);
      }
    }
    const levels = planLevels({ width, height }, 40, 0.709);
    const picture = new cv.Mat(ramp, height, width, cv.CV_8UC3);
    const pyramid = new Pyramid(new HalvedPictures(picture), levels, plain);
    for (const [index, level] of levels.entries()) {
      const drawn = pyramid.at(index);
      expect([drawn.cols, drawn.rows]).toEqual([level.width, level.height]);
      const bytes = drawn.getData();
      for (const share of [0.25, 0.75]) {
        const x = Math.floor(level.width * share);
        const y = Math.floor(level.height * share);
        const [blue = 0, green = 0, red] = bytes.subarray((y * level.width + x) * 3);
        // Two steps of the ramp are a pixel of a small level, or the odd column that is left out.
        expect(Math.abs(blue - ((x + 0.5) / level.width) * 250)).toBeLessThan(2);
        expect(Math.abs(green - ((y + 0.5) / level.height) * 250)).toBeLessThan(2);
        expect(red).toBe(220);
      }
    }
    pyramid.release();
  });

  it('draws a level once, in whatever order they are asked for', () => {
    const cv = opencv();
    const picture = new cv.Mat(240, 320, cv.CV_8UC3, [20, 120, 220]);
    const levels = planLevels({ width: 320, height: 240 }, 40, 0.709);
    const pyramid = new Pyramid(new HalvedPictures(picture), levels, plain);
    const third = pyramid.at(2);
    expect([...pyramid.at(0).getData().subarray(0, 3)]).toEqual([20, 120, 220]);
    expect(pyramid.at(2)).toBe(third);
  });
});
