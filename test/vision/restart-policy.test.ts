import { describe, expect, it } from 'vitest';
import { RestartPolicy } from '../../src/vision/restart-policy.js';

describe('RestartPolicy', () => {
  it('doubles the pause from half a second on, and calls a loop a loop', () => {
    const policy = new RestartPolicy();
    const restarts = Array.from({ length: 10 }, () => policy.next(0));
    expect(restarts.map(({ waitMs }) => waitMs / 1_000)).toEqual([
      0.5, 1, 2, 4, 8, 16, 30, 120, 120, 120,
    ]);
    expect(restarts.findIndex(({ looping }) => looping)).toBe(7);
  });

  it('begins anew after a minute at work, not before', () => {
    const policy = new RestartPolicy();
    for (let failure = 0; failure < 10; failure++) policy.next(0);
    expect(policy.next(59_000)).toEqual({ waitMs: 120_000, looping: true });
    expect(policy.next(60_000)).toEqual({ waitMs: 500, looping: false });
    expect(policy.next(0).waitMs).toBe(1_000);
  });
});
