import { describe, expect, it } from 'vitest';
import { type Config, configSchema } from '../../src/config/schema.js';
import { StrangerAdmin } from '../../src/gallery/stranger-admin.js';
import { type Placement, Strangers } from '../../src/gallery/strangers.js';
import { HitStore } from '../../src/hits/hit-store.js';
import { Outbox } from '../../src/hits/outbox.js';
import { Retention, type Swept, usedBytes } from '../../src/hits/retention.js';
import { memoryDatabase } from '../daemon/state-folder.js';
import { randomFace, seededRandom } from '../gallery/faces.js';
import { hitOf, TestClock } from './records.js';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MIB = 1_048_576;
const { retention: defaults, gallery } = configSchema.parse({});

function rig() {
  const db = memoryDatabase();
  const clock = new TestClock();
  const outbox = new Outbox(db, clock);
  const hits = new HitStore(db, outbox);
  const random = seededRandom(5);
  const retention = new Retention(db);
  /** A hit of now, sent unless told otherwise. */
  const write = (sent = true, time = clock.nowMs()): number => {
    const id = hits.nextId(clock.nowMs());
    const evidence = { family: 'f', template: randomFace(random) };
    hits.write(hitOf(id, { time: new Date(time).toISOString() }), evidence);
    if (sent) outbox.acknowledge(outbox.lastSeq);
    outbox.flush();
    return db.prepare('SELECT MAX(seq) FROM hits').pluck().get() as number;
  };
  const strangers = new Strangers(db, 'f', () => 0.9);
  const stranger = (cropBytes = 100): Placement => {
    const sighting = { template: randomFace(random), quality: 0.5, build: 'b' };
    const placement = strangers.place({
      ...{ ...sighting, atMs: clock.nowMs(), crop: Buffer.alloc(cropBytes, 7) },
    });
    strangers.save(placement);
    strangers.keep(placement);
    return placement;
  };
  const step = (limits: Partial<Config['retention']> = {}): Swept =>
    retention.step({ ...defaults, ...limits }, clock.nowMs());
  const seqs = () => db.prepare('SELECT seq FROM hits ORDER BY seq').pluck().all();
  const bare = () =>
    db.prepare('SELECT seq FROM hits WHERE evidence IS NULL ORDER BY seq').pluck().all();
  const numbers = () => db.prepare('SELECT number FROM strangers ORDER BY number').pluck().all();
  return { db, clock, write, stranger, step, seqs, bare, numbers };
}

describe('Retention', () => {
  it('deletes hits that are too old, but none that has to be sent', () => {
    const { clock, write, step, seqs } = rig();
    for (const sent of [true, false, true]) write(sent);
    clock.pass(31 * DAY_MS);
    write();
    expect(step()).toEqual({ hits: 2, evidence: 1, strangers: 0 });
    expect(seqs()).toEqual([2, 4]);
    expect(step()).toEqual({ hits: 0, evidence: 0, strangers: 0 });
  });

  it('deletes the oldest of too many hits', () => {
    const { write, step, seqs } = rig();
    for (let n = 0; n < 6; n++) write();
    expect(step({ maxHits: 4 }).hits).toBe(2);
    expect(seqs()).toEqual([3, 4, 5, 6]);
  });

  it('is not held up by hits of a clock that was wrong, nor by those that wait', () => {
    const { db, clock, write, step, seqs, bare } = rig();
    write();
    write(true, clock.nowMs() + 365 * DAY_MS);
    write(false);
    write();
    clock.pass(10 * DAY_MS);
    write();
    expect(step({ evidenceDays: 5 }).evidence).toBe(4);
    expect(bare()).toEqual([1, 2, 3, 4]);
    clock.pass(25 * DAY_MS);
    expect(step().hits).toBe(3);
    expect(seqs()).toEqual([3, 5]);
    expect(db.pragma('foreign_key_check')).toEqual([]);
  });

  it('deletes nothing because the clock was set back, but the misdated in their turn', () => {
    const { clock, write, step, seqs, numbers, stranger } = rig();
    write();
    stranger();
    clock.wallMs -= 365 * DAY_MS;
    expect(step().hits).toBe(0);
    // A stranger of whom nobody knows for how long they are there already is not kept.
    expect(numbers()).toEqual([]);
    write();
    clock.wallMs += 365 * DAY_MS;
    write();
    expect(step().hits).toBe(0);
    expect(seqs()).toEqual([1, 2, 3]);
    clock.pass(31 * DAY_MS);
    expect(step().hits).toBe(3);
  });

  it('takes short steps, however much there is', () => {
    const { clock, write, step, seqs } = rig();
    for (let n = 0; n < 520; n++) write();
    clock.pass(31 * DAY_MS);
    expect([step().hits, step().hits, step().hits]).toEqual([500, 20, 0]);
    expect(seqs()).toEqual([]);
  });

  it('deletes the faces of hits before the hits, each once', () => {
    const { clock, write, step, seqs, bare } = rig();
    write();
    clock.pass(3 * DAY_MS);
    write();
    clock.pass(3 * DAY_MS);
    write();
    expect(step({ evidenceDays: 5 })).toEqual({ hits: 0, evidence: 1, strangers: 0 });
    expect(bare()).toEqual([1]);
    clock.pass(3 * DAY_MS);
    expect(step({ evidenceDays: 5 }).evidence).toBe(1);
    expect(step({ evidenceDays: 5 }).evidence).toBe(0);
    expect(bare()).toEqual([1, 2]);
    expect(seqs()).toEqual([1, 2, 3]);
  });

  it('keeps no face at all when it is told so', () => {
    const { clock, write, step, bare } = rig();
    write();
    clock.pass(1);
    step({ evidenceDays: 0 });
    expect(bare()).toEqual([1]);
  });

  it('deletes strangers after their time and the oldest of too many, none who is decided', () => {
    const { db, clock, stranger, step, numbers } = rig();
    for (let n = 0; n < 5; n++) {
      stranger();
      clock.pass(HOUR_MS);
    }
    new StrangerAdmin(db, gallery).ignore('1', true);
    expect(step({ maxUnknowns: 3 }).strangers).toBe(1);
    expect(numbers()).toEqual([1, 3, 4, 5]);
    clock.pass(5 * HOUR_MS + 1);
    expect(step().strangers).toBe(1);
    expect(numbers()).toEqual([1, 4, 5]);
    expect(db.prepare('SELECT COUNT(*) FROM stranger_shots').pluck().get()).toBe(3);
  });

  it('holds the size: hits go first, the oldest of them, then strangers', () => {
    const { db, write, stranger, step, seqs, numbers } = rig();
    for (let n = 0; n < 60; n++) stranger(400_000);
    for (let n = 0; n < 700; n++) write(n !== 0);
    expect(usedBytes(db)).toBeGreaterThan(20 * MIB);
    const done: Swept[] = [];
    for (let n = 0; n < 20; n++) {
      done.push(step({ maxDatabaseMiB: 16 }));
      if (done.at(-1)?.hits === 0 && done.at(-1)?.strangers === 0) break;
    }
    expect(done.map(({ hits, strangers }) => [hits, strangers])).toEqual([
      [500, 0],
      [199, 0],
      [0, 20],
      [0, 0],
    ]);
    expect(seqs()).toEqual([1]);
    expect(numbers()).toHaveLength(40);
    expect(numbers()[0]).toBe(21);
    expect(usedBytes(db)).toBeLessThan(16 * MIB);
  });

  it('counts no free page as used', () => {
    const { db, stranger, clock, step } = rig();
    for (let n = 0; n < 20; n++) stranger(100_000);
    const full = usedBytes(db);
    clock.pass(9 * HOUR_MS);
    step();
    expect(full - usedBytes(db)).toBeGreaterThan(1_900_000);
  });
});
