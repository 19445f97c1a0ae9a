import { describe, expect, it } from 'vitest';
import { BackOffBound } from '../../src/faults/back-off-bound.js';

describe('BackOffBound', () => {
  it('is the first pause for a short outage, and grows with a long one up to the last', () => {
    expect(new BackOffBound().outage(60_000, 0)).toBe(1_200);
    // 0.8 s and 1.6 s are over after 2.4 s at the earliest: then the third pause begins.
    expect(new BackOffBound().outage(60_000, 2_000)).toBe(2_400);
    expect(new BackOffBound().outage(60_000, 2_500)).toBe(4_800);
    expect(new BackOffBound().outage(60_000, 3_600_000)).toBe(36_000);
  });

  it('goes on growing from cut to cut, until the camera was online for half a minute', () => {
    const bound = new BackOffBound();
    expect(bound.outage(5_000, 0)).toBe(1_200);
    expect(bound.outage(5_000, 0)).toBe(2_400);
    expect(bound.outage(5_000, 0)).toBe(4_800);
    expect(bound.outage(31_000, 0)).toBe(1_200);
  });
});
