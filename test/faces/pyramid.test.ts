import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HalvedPictures } from '../../src/faces/halved-pictures.js';
import { drawPyramid, planPyramid } from '../../src/faces/pyramid.js';
import { opencv } from '../../src/imaging/opencv.js';

describe('planPyramid', () => {
  it('packs every level inside the canvas, on even origins, without overlap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 1920 }),
        fc.integer({ min: 20, max: 1080 }),
        fc.integer({ min: 12, max: 120 }),
        fc.constantFrom(0.5, 0.709, 0.79),
        (width, height, minFacePx, factor) => {
          const { size, levels } = planPyramid({ width, height }, minFacePx, factor);
          for (const [index, a] of levels.entries()) {
            expect(a.x % 2).toBe(0);
            expect(a.y % 2).toBe(0);
            expect(a.x + a.width).toBeLessThanOrEqual(size.width);
            expect(a.y + a.height).toBeLessThanOrEqual(size.height);
            for (const b of levels.slice(index + 1)) {
              const apart =
                a.x + a.width <= b.x ||
                b.x + b.width <= a.x ||
                a.y + a.height <= b.y ||
                b.y + b.height <= a.y;
              expect(apart).toBe(true);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('has no level for a picture smaller than the smallest face', () => {
    expect(planPyramid({ width: 30, height: 30 }, 40, 0.709).levels).toEqual([]);
  });

  it('wastes little: the canvas of a 640×480 frame is at most an eighth larger than its levels', () => {
    const { size, levels } = planPyramid({ width: 640, height: 480 }, 40, 0.709);
    const used = levels.reduce((sum, level) => sum + level.width * level.height, 0);
    expect((size.width * size.height) / used).toBeLessThan(1.125);
  });
});

describe('drawPyramid', () => {
  it('keeps the mean colour on every level', () => {
    const cv = opencv();
    const picture = new cv.Mat(240, 320, cv.CV_8UC3, [20, 120, 220]);
    const layout = planPyramid({ width: 320, height: 240 }, 40, 0.709);
    const bytes = drawPyramid(new HalvedPictures(picture), layout);
    expect(bytes.length).toBe(layout.size.width * layout.size.height * 3);
    for (const level of layout.levels) {
      const middleX = level.x + (level.width >> 1);
      const middleY = level.y + (level.height >> 1);
      const at = (middleY * layout.size.width + middleX) * 3;
      expect([...bytes.subarray(at, at + 3)]).toEqual([20, 120, 220]);
    }
  });

  it.each([
    [320, 240],
    [643, 481],
    [1280, 720],
  ])('keeps everything in its place on every level of a %i×%i picture', (width, height) => {
    const cv = opencv();
    const ramp = Buffer.alloc(width * height * 3);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        ramp[(y * width + x) * 3] = Math.round((x / width) * 250);
        ramp[(y * width + x) * 3 + 1] = Math.round((y / height) * 250);
      }
    }
    const layout = planPyramid({ width, height }, 40, 0.709);
    const picture = new cv.Mat(ramp, height, width, cv.CV_8UC3);
    const bytes = drawPyramid(new HalvedPictures(picture), layout);
    for (const level of layout.levels) {
      for (const share of [0.25, 0.75]) {
        const x = Math.floor(level.width * share);
        const y = Math.floor(level.height * share);
        const at = ((level.y + y) * layout.size.width + level.x + x) * 3;
        // Two steps of the ramp are a pixel of a small level, or the odd column that is left out.
        expect(Math.abs((bytes[at] ?? 0) - ((x + 0.5) / level.width) * 250)).toBeLessThan(2);
        expect(Math.abs((bytes[at + 1] ?? 0) - ((y + 0.5) / level.height) * 250)).toBeLessThan(2);
      }
    }
  });
});
