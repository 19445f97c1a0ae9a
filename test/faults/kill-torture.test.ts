import { describe, expect, it } from 'vitest';
import { auditKills, type KillRecords } from '../../src/faults/kill-audit.js';
import type { runKillTorture } from '../../src/faults/kill-torture.js';
import { compiledModule } from '../compiled.js';
import { stateFolder } from '../daemon/state-folder.js';

const GOOD: KillRecords = {
  kills: 1,
  appearances: 3,
  committed: new Set(['a', 'b', 'c']),
  received: ['a', 'b', 'b', 'c'],
  stored: [
    { id: 'a', appearance: 0 },
    { id: 'b', appearance: 1 },
    { id: 'c', appearance: 2 },
  ],
  waiting: 0,
  corrupt: 0,
};
const FINE = { kills: 1, hits: 3, lost: 0, doubled: 0, corrupt: 0, resent: 1, disordered: 0 };

describe('the audit of the kill torture', () => {
  it('finds nothing where nothing is missing, and counts repeats', () => {
    expect(auditKills(GOOD)).toEqual(FINE);
  });

  it('finds a hit that was committed and is gone', () => {
    const records = { ...GOOD, committed: new Set(['a', 'b', 'c', 'd']) };
    expect(auditKills(records)).toEqual({ ...FINE, lost: 1 });
  });

  it('finds a message about a hit that the database does not have', () => {
    const records = { ...GOOD, received: ['a', 'b', 'b', 'c', 'x'] };
    expect(auditKills(records)).toEqual({ ...FINE, lost: 1 });
  });

  it('finds an appearance without a hit, and a hit that was never sent', () => {
    expect(auditKills({ ...GOOD, appearances: 4 })).toEqual({ ...FINE, lost: 1 });
    const unsent = { ...GOOD, received: ['a', 'b', 'b'] };
    expect(auditKills(unsent)).toEqual({ ...FINE, lost: 1 });
  });

  it('finds two ids of one appearance, and messages out of order', () => {
    const records = {
      ...GOOD,
      stored: [...GOOD.stored, { id: 'd', appearance: 2 }],
      received: ['a', 'b', 'b', 'd', 'c'],
    };
    expect(auditKills(records)).toEqual({ ...FINE, hits: 4, doubled: 1, disordered: 1 });
  });
});

describe('a process that is killed while it records hits', () => {
  it('loses none, doubles none and keeps its database whole', async () => {
    const torture = await compiledModule<{ runKillTorture: typeof runKillTorture }>(
      'faults/kill-torture.js',
    );
    const done: number[] = [];
    const report = await torture.runKillTorture({
      kills: 16,
      stateDir: stateFolder(),
      onKill: (kill) => done.push(kill),
    });
    expect(done).toHaveLength(16);
    expect(report).toMatchObject({ kills: 16, lost: 0, doubled: 0, corrupt: 0, disordered: 0 });
    expect(report.hits).toBeGreaterThan(20);
  }, 60_000);
});
