import { describe, expect, it } from 'vitest';
import { daemonRequests, type RequestedParts } from '../../src/daemon/daemon-requests.js';
import type { ListedHit } from '../../src/hits/hit-list.js';
import { HitStore } from '../../src/hits/hit-store.js';
import { Outbox } from '../../src/hits/outbox.js';
import { OutboxPump } from '../../src/hits/outbox-pump.js';
import type { PurgeResult } from '../../src/hits/purge.js';
import { hitOf, settle, TestClock, TestPublisher } from '../hits/records.js';
import { memoryDatabase } from './state-folder.js';

/** A daemon's requests after one hit, which the broker has as far as it is connected. */
async function afterOneHit(connected: boolean) {
  const clock = new TestClock();
  const db = memoryDatabase();
  const outbox = new Outbox(db, clock);
  const publisher = new TestPublisher();
  publisher.connected = connected;
  const pump = new OutboxPump(outbox, publisher, { baseTopic: 'faceeval', maxHitAgeMs: 0 });
  const hits = new HitStore(db, outbox);
  hits.write(hitOf(hits.nextId(clock.nowMs()), {}));
  pump.kick();
  await settle();
  const configuration = { current: { stateDir: '/nowhere' } };
  // No other part is asked about hits.
  const parts = { db, pump, configuration, galleryChanged: () => {} };
  const handlers = daemonRequests(parts as unknown as RequestedParts);
  const ask = <T>(command: 'hits' | 'purge', request: object) =>
    handlers[command](request as never, () => {}, new AbortController().signal) as Promise<T>;
  return { ask, pump };
}

describe('a hit that the broker has, whose row is in the outbox still', () => {
  it('is listed as sent; one that waits is not', async () => {
    for (const connected of [true, false]) {
      const { ask, pump } = await afterOneHit(connected);
      const [listed] = await ask<ListedHit[]>('hits', { limit: 1 });
      expect([connected, listed?.unsent]).toEqual([connected, !connected]);
      pump.stop();
    }
  });

  it('can be purged', async () => {
    const { ask, pump } = await afterOneHit(true);
    const before = '2100-01-01T00:00:00Z';
    expect(await ask<PurgeResult>('purge', { before })).toMatchObject({ hits: 1, unsent: 0 });
    pump.stop();
  });
});
