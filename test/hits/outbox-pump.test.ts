import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listHits } from '../../src/hits/hit-list.js';
import { HitStore } from '../../src/hits/hit-store.js';
import { Outbox } from '../../src/hits/outbox.js';
import { OutboxPump, type OutboxPumpOptions } from '../../src/hits/outbox-pump.js';
import { memoryDatabase } from '../daemon/state-folder.js';
import { hitOf, settle, TestClock, TestPublisher } from './records.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function rig(options: Partial<OutboxPumpOptions> = {}) {
  const clock = new TestClock();
  const db = memoryDatabase();
  const outbox = new Outbox(db, clock);
  const hits = new HitStore(db, outbox);
  const publisher = new TestPublisher();
  const start = (box = outbox) =>
    new OutboxPump(box, publisher, { baseTopic: 'faceeval', maxHitAgeMs: 0, ...options });
  const write = (type: 'recognised' | 'unknown' = 'recognised') => {
    const id = hits.nextId(clock.nowMs());
    hits.write(hitOf(id, { type }));
    return id;
  };
  const takenIds = () => publisher.taken.map(({ id }) => id);
  return { clock, db, outbox, publisher, pump: start(), start, write, takenIds };
}

describe('OutboxPump', () => {
  it('sends in order to the topic of the kind, and forgets what is acknowledged', async () => {
    const { outbox, publisher, pump, write, takenIds } = rig();
    publisher.automatic = false;
    const ids = [write(), write('unknown')];
    pump.kick();
    expect(publisher.underWay.map(({ topic }) => topic)).toEqual([
      'faceeval/hits',
      'faceeval/unknowns',
    ]);
    expect(publisher.underWay[0]?.options).toEqual({ qos: 1, retain: false });
    expect(outbox.size).toBe(2);
    for (const { acknowledge } of [...publisher.underWay]) acknowledge();
    await settle();
    expect(takenIds()).toEqual(ids);
    expect(outbox.size).toBe(0);
    expect(publisher.taken.every((hit) => hit.delayed === undefined)).toBe(true);
    pump.stop();
  });

  it('deletes what is acknowledged when it is asked to: lists of hits take the rest for unsent', async () => {
    const { db, pump, write } = rig();
    write();
    pump.kick();
    await settle();
    expect(listHits(db, { limit: 1 })[0]?.unsent).toBe(true);
    pump.flush();
    expect(listHits(db, { limit: 1 })[0]?.unsent).toBe(false);
    pump.stop();
  });

  it('has a bounded number of messages under way', async () => {
    const { publisher, pump, write } = rig();
    publisher.automatic = false;
    for (let n = 0; n < 60; n++) write();
    pump.kick();
    pump.kick();
    expect(publisher.most).toBe(16);
    pump.stop();
  });

  it('sends again, with the same ids and marked, what a lost connection did not acknowledge', async () => {
    const { clock, publisher, pump, write, takenIds } = rig();
    publisher.automatic = false;
    const ids = [write(), write(), write()];
    pump.kick();
    publisher.underWay[0]?.acknowledge();
    await settle();
    publisher.breakDown();
    await settle();
    clock.pass(1_000);
    publisher.connected = true;
    publisher.automatic = true;
    pump.kick();
    await settle();
    expect(takenIds()).toEqual(ids);
    expect(publisher.taken.map(({ delayed, ageMs }) => [delayed, ageMs])).toEqual([
      [undefined, undefined],
      [true, 1_000],
      [true, 1_000],
    ]);
    pump.stop();
  });

  it('marks a hit that waited for a connection', async () => {
    const { clock, publisher, pump, write } = rig();
    publisher.connected = false;
    write();
    pump.kick();
    clock.pass(4_999);
    write();
    clock.pass(1);
    publisher.connected = true;
    pump.kick();
    await settle();
    expect(publisher.taken.map(({ delayed, ageMs }) => [delayed, ageMs])).toEqual([
      [true, 5_000],
      [undefined, undefined],
    ]);
    pump.stop();
  });

  it('marks what another run left, whose sending it cannot know of', async () => {
    const { db, clock, publisher, write, start } = rig();
    write();
    const pump = start(new Outbox(db, clock));
    pump.kick();
    await settle();
    expect(publisher.taken).toMatchObject([{ delayed: true, ageMs: 0 }]);
    pump.stop();
  });

  it('does not send what is older than asked, says so, and lets the broker drop the rest', async () => {
    const onExpired = vi.fn();
    const { clock, outbox, publisher, pump, write, takenIds } = rig({
      maxHitAgeMs: 30_000,
      onExpired,
    });
    publisher.connected = false;
    write();
    clock.pass(20_500);
    const second = write();
    clock.pass(10_000);
    publisher.connected = true;
    publisher.automatic = false;
    pump.kick();
    expect(publisher.underWay[0]?.options.messageExpiryS).toBe(20);
    publisher.underWay[0]?.acknowledge();
    await settle();
    expect(takenIds()).toEqual([second]);
    expect(onExpired).toHaveBeenCalledTimes(1);
    expect(outbox.size).toBe(0);
    pump.stop();
  });

  it('is not held up by messages that the broker refuses, and tries them again later', async () => {
    const onError = vi.fn();
    const { outbox, publisher, pump, write, takenIds } = rig({ onError });
    const refused = Array.from({ length: 20 }, () => write('unknown'));
    for (const id of refused) publisher.unwanted.add(id);
    const wanted = [write(), write()];
    pump.kick();
    for (let n = 0; n < 10; n++) await settle();
    expect(takenIds()).toEqual(wanted);
    expect(outbox.size).toBe(20);
    expect(onError).toHaveBeenCalledTimes(20);
    publisher.unwanted.clear();
    pump.kick();
    await settle();
    expect(takenIds()).toHaveLength(2);
    vi.advanceTimersByTime(60_001);
    pump.kick();
    for (let n = 0; n < 10; n++) await settle();
    expect(takenIds()).toEqual([...wanted, ...refused]);
    expect(outbox.size).toBe(0);
    pump.stop();
  });

  it('survives a database that cannot be written, and deletes the rows when it can', async () => {
    const onError = vi.fn();
    const { db, outbox, publisher, pump, write } = rig({ onError });
    write();
    pump.kick();
    await settle();
    db.exec("CREATE TRIGGER no BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END");
    vi.advanceTimersByTime(300_000);
    expect(onError).toHaveBeenCalledWith('full');
    expect(outbox.size).toBe(0);
    db.exec('DROP TRIGGER no');
    vi.advanceTimersByTime(300_000);
    expect(db.prepare('SELECT COUNT(*) AS n FROM outbox').get()).toEqual({ n: 0 });
    expect(publisher.taken).toHaveLength(1);
    pump.stop();
  });

  it('brings what happened while the broker was away for nine days, as far as it is kept', async () => {
    const { db, clock, publisher, pump, start, write, takenIds } = rig();
    const limits = { outboxDays: 7, maxOutbox: 100_000 };
    publisher.connected = false;
    pump.stop();
    const written: { id: string; atMs: number }[] = [];
    let dropped = 0;
    for (let hour = 0; hour < 9 * 24; hour++) {
      written.push({ id: write(), atMs: clock.nowMs() });
      clock.pass(3_600_000);
      // The machine starts anew now and then: only the database knows what waits.
      if (hour % 50 === 49) {
        clock.boot = `boot-${hour}`;
        clock.monotonicMs = 60_000;
      }
      dropped += new Outbox(db, clock).bound(limits);
    }
    const kept = written.filter(({ atMs }) => clock.nowMs() - atMs <= 7 * 86_400_000);
    expect(dropped).toBe(written.length - kept.length);
    publisher.connected = true;
    const later = start(new Outbox(db, clock));
    for (let n = 0; n < 40; n++) {
      later.kick();
      await settle();
    }
    later.stop();
    expect(takenIds()).toEqual(kept.map(({ id }) => id));
    expect(publisher.taken.map(({ delayed, ageMs }) => [delayed, ageMs])).toEqual(
      kept.map(({ atMs }) => [true, clock.nowMs() - atMs]),
    );
    expect(publisher.most).toBeLessThanOrEqual(16);
  });

  it('drains for a bounded time', async () => {
    const { publisher, pump, write } = rig();
    vi.useRealTimers();
    write();
    expect(await pump.drain(1_000)).toBe(true);
    publisher.automatic = false;
    write();
    expect(await pump.drain(120)).toBe(false);
    pump.stop();
  });
});

/** What can happen to an outbox. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant('write' as const) },
  { weight: 4, arbitrary: fc.constant('acknowledge' as const) },
  { weight: 2, arbitrary: fc.constant('kick' as const) },
  { weight: 1, arbitrary: fc.constant('breakDown' as const) },
  { weight: 1, arbitrary: fc.constant('connect' as const) },
  { weight: 1, arbitrary: fc.constant('failOne' as const) },
  { weight: 1, arbitrary: fc.constant('crash' as const) },
  { weight: 1, arbitrary: fc.constant('wait' as const) },
);

describe('OutboxPump, whatever happens', { timeout: 120_000 }, () => {
  it('delivers every hit, first in order, never under two ids, repeats marked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const { db, clock, publisher, start, write, outbox, pump: first } = rig();
        publisher.automatic = false;
        const written: string[] = [];
        let pump = first;
        for (const what of steps) {
          if (what === 'write') written.push(write());
          else if (what === 'acknowledge') publisher.underWay[0]?.acknowledge();
          else if (what === 'kick') pump.kick();
          else if (what === 'breakDown') publisher.breakDown();
          else if (what === 'connect') publisher.connected = true;
          else if (what === 'failOne') publisher.underWay.at(-1)?.fail(new Error('timed out'));
          else if (what === 'wait') vi.advanceTimersByTime(301_000);
          else {
            // A new process knows of nothing but what is in the database.
            pump.stop();
            publisher.underWay.length = 0;
            pump = start(new Outbox(db, clock));
          }
          clock.pass(10);
          await settle();
        }
        publisher.connected = true;
        publisher.automatic = true;
        for (const entry of [...publisher.underWay]) entry.acknowledge();
        for (let n = 0; n < 12; n++) {
          pump.kick();
          await settle();
        }
        pump.stop();
        expect(new Outbox(db, clock).size).toBe(0);
        expect(outbox.after(0, 100)).toEqual([]);
        const firsts = publisher.taken.filter(
          ({ id }, at) => publisher.taken.findIndex((hit) => hit.id === id) === at,
        );
        expect(firsts.map(({ id }) => id)).toEqual(written);
        for (const hit of publisher.taken) {
          if (!firsts.includes(hit)) expect(hit.delayed).toBe(true);
        }
      }),
      { numRuns: 80 },
    );
  });
});
