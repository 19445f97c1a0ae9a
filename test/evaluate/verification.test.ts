import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLfwPairs } from '../../src/evaluate/lfw-pairs.js';
import {
  equalErrorRate,
  foldAccuracy,
  rocCurve,
  type ScoredPairs,
  tarAtFar,
} from '../../src/evaluate/verification.js';

function pairsOf(rows: readonly (readonly [number, number])[]): ScoredPairs {
  return {
    similarities: Float64Array.from(rows, ([similarity]) => similarity),
    same: Uint8Array.from(rows, ([, same]) => same),
  };
}

/** Alternating same and different pairs at two similarities. */
const separable = pairsOf(
  Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? ([0.8, 1] as const) : ([0.1, 0] as const))),
);

describe('foldAccuracy', () => {
  it('is perfect with a threshold midway when the classes stand apart', () => {
    const result = foldAccuracy(separable);
    expect(result.accuracy).toBe(1);
    expect(result.accuracyStd).toBe(0);
    expect(result.threshold).toBeCloseTo(0.45, 10);
  });

  it('judges a fold by the threshold of the others only', () => {
    // In the last fold every pair is the wrong way round: no threshold of the others can know it.
    const rows = Array.from({ length: 100 }, (_, i): readonly [number, number] => {
      const same = i % 2 === 0 ? 1 : 0;
      const turned = i >= 90;
      return [(same === 1) !== turned ? 0.9 : 0.1, same];
    });
    expect(foldAccuracy(pairsOf(rows)).accuracy).toBeCloseTo(0.9, 10);
  });

  it('refuses fewer pairs than folds', () => {
    expect(() => foldAccuracy(pairsOf([[0.5, 1]]))).toThrow(RangeError);
  });
});

describe('rocCurve', () => {
  it('rises in both rates and agrees with counting at every threshold', () => {
    const row = fc.tuple(
      fc.integer({ min: 0, max: 20 }).map((v) => v / 20),
      fc.constantFrom(0, 1),
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 2, maxLength: 60 }), (rows) => {
        const positives = rows.filter(([, same]) => same === 1).length;
        const negatives = rows.length - positives;
        let before = { far: 0, tar: 0 };
        for (const point of rocCurve(pairsOf(rows))) {
          expect(point.far).toBeGreaterThanOrEqual(before.far);
          expect(point.tar).toBeGreaterThanOrEqual(before.tar);
          const accepted = rows.filter(([s]) => s >= point.threshold);
          const falsely = accepted.filter(([, same]) => same === 0).length;
          expect(point.far).toBeCloseTo(falsely / Math.max(1, negatives), 10);
          expect(point.tar).toBeCloseTo((accepted.length - falsely) / Math.max(1, positives), 10);
          before = point;
        }
      }),
    );
  });

  it('reads true-accept rate and equal error rate off a known curve', () => {
    const curve = rocCurve(
      pairsOf([
        [0.9, 1],
        [0.8, 1],
        [0.7, 0],
        [0.6, 1],
        [0.5, 0],
        [0.4, 1],
        [0.3, 0],
        [0.2, 0],
      ]),
    );
    expect(tarAtFar(curve, 0).tar).toBe(0.5);
    expect(tarAtFar(curve, 0.25)).toEqual({ threshold: 0.6, far: 0.25, tar: 0.75 });
    expect(equalErrorRate(curve)).toBeCloseTo(0.25, 10);
  });
});

describe('parseLfwPairs', () => {
  it('reads both kinds of line', () => {
    expect(parseLfwPairs('10\t300\nAnn_Lee\t1\t12\nAnn_Lee\t2\tBob_Ray\t3\n')).toEqual([
      { first: 'Ann_Lee/Ann_Lee_0001.jpg', second: 'Ann_Lee/Ann_Lee_0012.jpg', same: true },
      { first: 'Ann_Lee/Ann_Lee_0002.jpg', second: 'Bob_Ray/Bob_Ray_0003.jpg', same: false },
    ]);
  });

  it('names the line that is none', () => {
    expect(() => parseLfwPairs('10 300\nAnn_Lee 1\n')).toThrow(/line 2/);
  });
});
