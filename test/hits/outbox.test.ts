import { describe, expect, it } from 'vitest';
import type { Database } from '../../src/daemon/database.js';
import { fromCompact } from '../../src/gallery/compact-vector.js';
import { cosine } from '../../src/gallery/cosine.js';
import { HitStore } from '../../src/hits/hit-store.js';
import { Outbox } from '../../src/hits/outbox.js';
import { openState } from '../daemon/state-folder.js';
import { randomFace, seededRandom } from '../gallery/faces.js';
import { hitOf, TestClock } from './records.js';

const RETENTION = {
  evidenceDays: 30,
  maxDatabaseMiB: 1_024,
  hitsDays: 30,
  maxHits: 1_000,
  unknownsHours: 8,
  maxUnknowns: 200,
  outboxDays: 7,
  maxOutbox: 100,
  backups: 3,
};
const DAY_MS = 86_400_000;

async function opened(clock = new TestClock()) {
  const db = await openState();
  const outbox = new Outbox(db, clock);
  const hits = new HitStore(db, outbox);
  const write = () => {
    const id = hits.nextId(clock.nowMs());
    hits.write(hitOf(id, { time: new Date(clock.nowMs()).toISOString() }));
    return id;
  };
  return { db, clock, outbox, hits, write };
}

const countOf = (db: Database, table: string) =>
  (db.prepare(`SELECT COUNT(*) AS n FROM ${table}`).get() as { n: number }).n;

describe('HitStore', () => {
  it('writes hit and outbox row together, or neither', async () => {
    const { db, hits, outbox } = await opened();
    const fail = () => {
      throw new Error('the stranger cannot be saved');
    };
    expect(() => hits.write(hitOf('A'), undefined, fail)).toThrow(
      expect.objectContaining({ code: 'STORE' }),
    );
    db.exec("CREATE TRIGGER no BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END");
    expect(() => hits.write(hitOf('A'))).toThrow(/full/);
    expect(countOf(db, 'hits')).toBe(0);
    db.exec('DROP TRIGGER no');
    hits.write(hitOf('A'));
    expect(outbox.after(0, 9)).toEqual([
      { seq: 1, type: 'recognised', payload: JSON.stringify(hitOf('A')), ageMs: 0 },
    ]);
  });

  it('goes on after hits that somebody else wrote', async () => {
    const { db, outbox, write } = await opened();
    write();
    const other = new HitStore(db, new Outbox(db));
    other.write(hitOf(other.nextId(Date.now())));
    other.write(hitOf(other.nextId(Date.now())));
    write();
    write();
    expect(db.prepare('SELECT seq FROM hits').pluck().all()).toEqual([1, 2, 3, 4, 5]);
    expect(outbox.size).toBe(5);
  });

  it('gives ids that rise within a millisecond, when the clock is set back, and after a restart', async () => {
    const { db, clock, outbox, hits, write } = await opened();
    const ids = [write(), write()];
    clock.wallMs -= 365 * DAY_MS;
    ids.push(write(), hits.nextId(clock.nowMs()));
    ids.push(new HitStore(db, outbox).nextId(clock.nowMs() - 5));
    ids[3] = '';
    const given = ids.filter((id) => id !== '');
    expect(given).toEqual([...new Set(given)].sort());
  });

  it('keeps the evidence of a hit in a quarter of its size', async () => {
    const { db, hits } = await opened();
    const template = randomFace(seededRandom(1), 192);
    hits.write(hitOf('A'), { family: 'f', template });
    const { evidence } = db.prepare('SELECT evidence FROM hits').get() as { evidence: Buffer };
    expect(evidence.byteLength).toBe(196);
    expect(cosine(fromCompact(evidence), template)).toBeGreaterThan(0.9998);
  });

  it('finds what was captured in a span of time', async () => {
    const { clock, hits, write } = await opened();
    write();
    clock.pass(10_000);
    write();
    const found = hits.between(clock.nowMs() - 5_000, clock.nowMs());
    expect(found).toEqual([
      { camera: 'door', identityId: 'i1', strangerId: null, capturedAtMs: clock.nowMs() },
    ]);
  });
});

describe('Outbox', () => {
  it('deletes acknowledged rows with the next hit, and counts them no more before', async () => {
    const { db, outbox, write } = await opened();
    write();
    write();
    outbox.acknowledge(1);
    expect(outbox.size).toBe(1);
    expect(countOf(db, 'outbox')).toBe(2);
    expect(outbox.after(0, 9).map(({ seq }) => seq)).toEqual([2]);
    write();
    expect(countOf(db, 'outbox')).toBe(2);
    expect(outbox.size).toBe(2);
  });

  it('keeps acknowledged rows in mind when the next hit cannot be written', async () => {
    const { db, outbox, hits, write } = await opened();
    write();
    outbox.acknowledge(1);
    db.exec("CREATE TRIGGER no AFTER INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END");
    expect(() => hits.write(hitOf('B'))).toThrow();
    expect(outbox.size).toBe(0);
    expect(outbox.after(0, 9)).toEqual([]);
    outbox.flush();
    expect(countOf(db, 'outbox')).toBe(0);
  });

  it('drops what is too old, then the oldest of what is too much, and counts them', async () => {
    const { clock, outbox, write } = await opened();
    write();
    clock.pass(8 * DAY_MS);
    for (let n = 0; n < 5; n++) write();
    expect(outbox.bound({ ...RETENTION, maxOutbox: 3 })).toBe(3);
    expect(outbox.after(0, 9).map(({ seq }) => seq)).toEqual([4, 5, 6]);
  });

  it('drops unknown faces before people when there are too many, the oldest first', async () => {
    const { hits, clock, outbox, write } = await opened();
    const unknown = () => hits.write(hitOf(hits.nextId(clock.nowMs()), { type: 'unknown' }));
    for (const one of [write, unknown, write, unknown, unknown, write]) one();
    const left = () => outbox.after(0, 9).map(({ seq }) => seq);
    expect(outbox.bound({ ...RETENTION, maxOutbox: 4 })).toBe(2);
    expect(left()).toEqual([1, 3, 5, 6]);
    expect(outbox.bound({ ...RETENTION, maxOutbox: 2 })).toBe(2);
    expect(left()).toEqual([3, 6]);
    expect(outbox.bound({ ...RETENTION, maxOutbox: 2 })).toBe(0);
  });

  it('does not take a clock that is set for age', async () => {
    const clock = new TestClock();
    clock.wallMs = 0;
    const { outbox, write, db } = await opened(clock);
    write();
    clock.wallMs = Date.UTC(2026, 10, 24);
    clock.monotonicMs += 3_000;
    expect(outbox.bound(RETENTION)).toBe(0);
    expect(outbox.after(0, 1)[0]?.ageMs).toBe(3_000);

    clock.boot = 'boot-2';
    clock.monotonicMs = 9_000;
    const later = new Outbox(db, clock);
    expect(later.bound(RETENTION)).toBe(0);
    expect(later.after(0, 1)[0]?.ageMs).toBe(9_000);
  });

  it('knows the age of a hit of an earlier start, at least the time since this one', async () => {
    const { db, clock, write } = await opened();
    write();
    clock.boot = 'boot-2';
    clock.wallMs += 60_000;
    clock.monotonicMs = 20_000;
    const later = new Outbox(db, clock);
    expect(later.after(0, 1)[0]?.ageMs).toBe(60_000);
    clock.wallMs -= 365 * DAY_MS;
    expect(later.after(0, 1)[0]?.ageMs).toBe(20_000);
  });
});
