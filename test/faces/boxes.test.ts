import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Candidates, calibrate, square, suppress } from '../../src/faces/boxes.js';

function candidatesOf(rows: readonly (readonly number[])[]): Candidates {
  const candidates = new Candidates(Math.max(1, rows.length));
  for (const [x1 = 0, y1 = 0, x2 = 0, y2 = 0, score = 0] of rows) {
    const to = candidates.count++;
    candidates.corners.set([x1, y1, x2, y2], to * 4);
    candidates.scores[to] = score;
  }
  return candidates;
}

const iou = (a: readonly number[], b: readonly number[]): number => {
  const [ax1 = 0, ay1 = 0, ax2 = 0, ay2 = 0] = a;
  const [bx1 = 0, by1 = 0, bx2 = 0, by2 = 0] = b;
  const width = Math.max(0, Math.min(ax2, bx2) - Math.max(ax1, bx1));
  const height = Math.max(0, Math.min(ay2, by2) - Math.max(ay1, by1));
  const shared = width * height;
  return shared / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared);
};

const row = fc
  .tuple(
    fc.integer({ min: 0, max: 80 }),
    fc.integer({ min: 0, max: 80 }),
    fc.integer({ min: 4, max: 40 }),
    fc.integer({ min: 4, max: 40 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )
  .map(([x, y, w, h, score]) => [x, y, x + w, y + h, score] as const);

describe('suppress', () => {
  it('keeps boxes that do not overlap each other, and drops only what a better one covers', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
        const kept = suppress(candidatesOf(rows), 0.5, 'union', 1000);
        for (const [position, i] of kept.entries()) {
          for (const j of kept.slice(position + 1)) {
            expect(iou(rows[i] ?? [], rows[j] ?? [])).toBeLessThanOrEqual(0.5 + 1e-6);
          }
        }
        for (const [index, dropped] of rows.entries()) {
          if (kept.includes(index)) continue;
          const covered = kept.some(
            (k) =>
              iou(rows[k] ?? [], dropped) > 0.5 - 1e-6 &&
              Math.fround(rows[k]?.[4] ?? 0) >= Math.fround(dropped[4]),
          );
          expect(covered).toBe(true);
        }
      }),
    );
  });

  it('measures the overlap over the smaller box when asked to', () => {
    const nested = candidatesOf([
      [0, 0, 100, 100, 0.9],
      [10, 10, 30, 30, 0.8],
    ]);
    expect(suppress(nested, 0.5, 'union', 10)).toEqual([0, 1]);
    expect(suppress(nested, 0.5, 'minimum', 10)).toEqual([0]);
  });

  it('returns the best first and no more than the limit', () => {
    const apart = candidatesOf([
      [0, 0, 10, 10, 0.2],
      [20, 0, 30, 10, 0.9],
      [40, 0, 50, 10, 0.5],
    ]);
    expect(suppress(apart, 0.5, 'union', 2)).toEqual([1, 2]);
  });
});

describe('calibrate and square', () => {
  it('moves corners in units of the box', () => {
    const candidates = candidatesOf([[10, 20, 30, 60, 1]]);
    candidates.offsets.set([0.1, -0.1, 0.2, 0], 0);
    calibrate(candidates);
    expect([...candidates.corners].map((value) => Math.fround(value))).toEqual([12, 16, 34, 60]);
  });

  it('keeps the centre and the longer side', () => {
    fc.assert(
      fc.property(row, ([x1, y1, x2, y2, score]) => {
        const candidates = candidatesOf([[x1, y1, x2, y2, score]]);
        square(candidates);
        const [sx1 = 0, sy1 = 0, sx2 = 0, sy2 = 0] = candidates.corners;
        expect(sx2 - sx1).toBeCloseTo(Math.max(x2 - x1, y2 - y1), 3);
        expect(sy2 - sy1).toBeCloseTo(sx2 - sx1, 3);
        expect(sx1 + sx2).toBeCloseTo(x1 + x2, 3);
        expect(sy1 + sy2).toBeCloseTo(y1 + y2, 3);
      }),
    );
  });
});
