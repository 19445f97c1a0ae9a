import { describe, expect, it } from 'vitest';
import type { Hit } from '../../src/domain/records.js';
import { auditDelivery, type DeliveryRecords } from '../../src/faults/delivery-audit.js';
import { type SoakRecords, summariseSoak } from '../../src/faults/soak-report.js';

const hit = (id: string, track: string): Hit =>
  ({ id, camera: 'door', track, identity: { id: 'i', name: 'Ann' } }) as Hit;
const stored = [hit('a', '1'), hit('b', '2'), hit('c', '3')];
const GOOD: DeliveryRecords = {
  stored,
  waiting: new Set(),
  received: [{ id: 'a' }, { id: 'b' }, { id: 'b' }, { id: 'c' }],
  integrity: 'ok',
};
const FINE = { hits: 3, lost: 0, doubled: 0, corrupt: 0, disordered: 0, resent: 1 };

describe('auditDelivery', () => {
  it('finds nothing where all came, in order, and counts repeats', () => {
    expect(auditDelivery(GOOD)).toEqual(FINE);
  });

  it('finds what never came, unless it waits', () => {
    const received = GOOD.received.slice(0, 3);
    expect(auditDelivery({ ...GOOD, received })).toEqual({ ...FINE, lost: 1 });
    const waiting = new Set(['c']);
    expect(auditDelivery({ ...GOOD, received, waiting })).toEqual(FINE);
  });

  it('finds a message that nobody decided, a wrong order, two ids and damage', () => {
    const received = [...GOOD.received, { id: 'x' }];
    expect(auditDelivery({ ...GOOD, received })).toEqual({ ...FINE, lost: 1 });
    const late = [{ id: 'b' }, { id: 'a' }, { id: 'c' }, { id: 'c' }];
    expect(auditDelivery({ ...GOOD, received: late })).toEqual({ ...FINE, disordered: 1 });
    const twice = { ...GOOD, stored: [hit('a', '1'), hit('b', '1'), hit('c', '3')] };
    expect(auditDelivery(twice)).toEqual({ ...FINE, doubled: 1 });
    expect(auditDelivery({ ...GOOD, integrity: 'page 7' })).toEqual({ ...FINE, corrupt: 1 });
  });
});

/** Samples every 5 s for 20 minutes. */
function samples(bytesAt: (minutes: number) => number) {
  return Array.from({ length: 240 }, (_, index) => ({
    atMs: index * 5_000,
    pssBytes: 2 * bytesAt(index / 12),
    anonymousBytes: bytesAt(index / 12),
    handles: 30,
    cpuMs: index * 2_500,
  }));
}

const steady = samples((minutes) => 100e6 + (minutes % 1) * 3e6);
const CALM: SoakRecords = {
  ...{ minutes: 20, cameras: 4, fps: 15, fpsReached: [15], warmUpMs: 300_000 },
  samples: { daemon: steady, vision: steady, decoders: steady, load: [1, 2, 3] },
  delivery: FINE,
  loop: { p50Ms: 0, p99Ms: 4.321, maxMs: 30, ownP99Ms: 1.5, ownMaxMs: 20 },
  ...{ visionRestarts: 0, errors: [], unhandledRejections: 0, exitCode: 0 },
};

describe('summariseSoak', () => {
  it('takes garbage for no growth', () => {
    const report = summariseSoak(CALM);
    expect(report).toMatchObject({ kills: 0, hits: 3, load: 2, loopP99Ms: 4.32, missed: [] });
    expect(report.daemon).toEqual({
      slopeMbPerHour: 0,
      startMb: 200,
      endMb: 205.5,
      handlesMore: 0,
      cores: 0.5,
    });
  });

  it('finds a leak under the garbage, and leaves the warm-up out', () => {
    const leak = samples((minutes) => 100e6 + (minutes % 1) * 3e6 + minutes * 50_000);
    const found = summariseSoak({ ...CALM, samples: { ...CALM.samples, vision: leak } });
    expect(found.vision.slopeMbPerHour).toBeCloseTo(3, 1);
    expect(found.missed).toEqual([expect.stringContaining('memory of the vision grew by 3')]);
    const warming = samples((minutes) => 100e6 + Math.min(minutes, 5) * 20e6);
    const warm = summariseSoak({ ...CALM, samples: { ...CALM.samples, daemon: warming } });
    expect(warm.missed).toEqual([]);
  });

  it('names every other bar that was missed', () => {
    const bad = summariseSoak({
      ...CALM,
      delivery: { ...FINE, lost: 1 },
      loop: undefined,
      ...{ visionRestarts: 2, unhandledRejections: 1, exitCode: 70 },
    });
    expect(bad.missed).toHaveLength(5);
  });
});
