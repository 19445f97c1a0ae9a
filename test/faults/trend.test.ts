import { describe, expect, it } from 'vitest';
import { floors, median, robustSlope } from '../../src/faults/trend.js';

const line = (count: number, slope: number): { atMs: number; value: number }[] =>
  Array.from({ length: count }, (_, index) => ({
    atMs: index * 10,
    value: 5 + index * 10 * slope,
  }));

describe('robustSlope', () => {
  it('finds the slope of a line, whatever a fourth of the points say', () => {
    const points = line(40, 0.25).map((point, index) =>
      index % 4 === 0 ? { ...point, value: 1e6 } : point,
    );
    expect(robustSlope(points)).toBeCloseTo(0.25, 6);
  });

  it('is zero without two points', () => {
    expect(robustSlope([])).toBe(0);
    expect(robustSlope(line(1, 3))).toBe(0);
  });
});

describe('floors', () => {
  it('sees a rising floor under a sawtooth, and none where there is none', () => {
    const saw = (rise: number) =>
      Array.from({ length: 240 }, (_, index) => ({
        atMs: index * 1_000,
        value: 100 + (index % 12) * 3 + Math.floor(index / 12) * rise,
      }));
    expect(robustSlope(floors(saw(0), 60_000))).toBe(0);
    expect(robustSlope(floors(saw(2), 60_000)) * 12_000).toBeCloseTo(2, 6);
  });
});

describe('median', () => {
  it('is the middle, or between the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});
