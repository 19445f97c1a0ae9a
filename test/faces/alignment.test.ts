import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Point } from '../../src/domain/records.js';
import { ARCFACE_112, alignFace, fitSimilarity } from '../../src/faces/alignment.js';
import { opencv } from '../../src/imaging/opencv.js';
import { Picture } from '../../src/imaging/picture.js';

describe('fitSimilarity', () => {
  it('recovers any rotation, scale and shift', () => {
    const angle = fc.double({ min: -3.1, max: 3.1, noNaN: true });
    const scale = fc.double({ min: 0.1, max: 10, noNaN: true });
    const shift = fc.double({ min: -500, max: 500, noNaN: true });
    fc.assert(
      fc.property(angle, scale, shift, shift, (theta, s, tx, ty) => {
        const a = s * Math.cos(theta);
        const b = s * Math.sin(theta);
        const moved = ARCFACE_112.map((p) => ({
          x: a * p.x - b * p.y + tx,
          y: b * p.x + a * p.y + ty,
        }));
        const fit = fitSimilarity(ARCFACE_112, moved);
        expect(fit.a).toBeCloseTo(a, 6);
        expect(fit.b).toBeCloseTo(b, 6);
        expect(fit.tx).toBeCloseTo(tx, 5);
        expect(fit.ty).toBeCloseTo(ty, 5);
      }),
    );
  });

  it('never mirrors: a mirrored face is fitted worse than it would be by a reflection', () => {
    const mirrored: Point[] = ARCFACE_112.map((p) => ({ x: -p.x, y: p.y }));
    const { a, b } = fitSimilarity(mirrored, ARCFACE_112);
    expect(a * a + b * b).toBeLessThan(1);
  });

  it('refuses lists of different length', () => {
    expect(() => fitSimilarity(ARCFACE_112, [{ x: 0, y: 0 }])).toThrow(RangeError);
  });
});

describe('alignFace', () => {
  it('moves a picture whose landmarks lie on the template by nothing', () => {
    const cv = opencv();
    const mat = new cv.Mat(112, 112, cv.CV_8UC3, [0, 0, 0]);
    mat.drawCircle(new cv.Point2(56, 72), 5, new cv.Vec3(10, 200, 30), -1);
    const aligned = alignFace(Picture.fromBgr(mat), ARCFACE_112);
    expect(aligned.getData().equals(mat.getData())).toBe(true);
  });

  it('brings a face that was turned and enlarged back onto the template', () => {
    const cv = opencv();
    const mat = new cv.Mat(400, 400, cv.CV_8UC3, [0, 0, 0]);
    const turn = (p: Point): Point => ({ x: 300 - 2 * p.y, y: 60 + 2 * p.x });
    const landmarks = ARCFACE_112.map(turn) as unknown as typeof ARCFACE_112;
    const nose = landmarks[2];
    mat.drawCircle(new cv.Point2(nose.x, nose.y), 8, new cv.Vec3(255, 255, 255), -1);
    const aligned = alignFace(Picture.fromBgr(mat), landmarks);
    const expected = ARCFACE_112[2];
    expect(aligned.atRaw(Math.round(expected.y), Math.round(expected.x))).toEqual([255, 255, 255]);
    expect(aligned.atRaw(20, 20)).toEqual([0, 0, 0]);
  });
});
