import { openDatabase } from '../daemon/database.js';
import type { Hit } from '../domain/records.js';

/** Whether what was decided is what arrived. */
export interface DeliveryReport {
  readonly hits: number;
  /** Decided hits that never came and do not wait either, and messages of hits that are not there. */
  readonly lost: number;
  /** Tracks that were reported as the same person with two ids. */
  readonly doubled: number;
  /** 1 when the database is damaged. */
  readonly corrupt: number;
  /** Messages that came before an older one. */
  readonly disordered: number;
  /** Messages that came again with the id they had: allowed, receivers drop them. */
  readonly resent: number;
}

export interface DeliveryRecords {
  /** Hits in the order in which they were decided. */
  readonly stored: readonly Hit[];
  /** Ids that wait in the outbox. */
  readonly waiting: ReadonlySet<string>;
  /** Hits in the order in which they came, repeats included. */
  readonly received: readonly Pick<Hit, 'id'>[];
  readonly integrity: string;
}

export function auditDelivery(records: DeliveryRecords): DeliveryReport {
  const { stored, waiting, received, integrity } = records;
  const firsts = [...new Set(received.map(({ id }) => id))];
  const got = new Set(firsts);
  const place = new Map(stored.map(({ id }, index) => [id, index]));
  const told = new Map<string, number>();
  for (const { camera, track, identity, stranger } of stored) {
    const key = `${camera}\n${track}\n${identity?.id ?? stranger?.id}`;
    told.set(key, (told.get(key) ?? 0) + 1);
  }
  const places = firsts.flatMap((id) => place.get(id) ?? []);
  return {
    hits: stored.length,
    lost:
      stored.filter(({ id }) => !got.has(id) && !waiting.has(id)).length +
      firsts.filter((id) => !place.has(id)).length,
    doubled: [...told.values()].filter((count) => count > 1).length,
    corrupt: integrity === 'ok' ? 0 : 1,
    disordered: places.filter((at, index) => index > 0 && at < (places[index - 1] ?? 0)).length,
    resent: received.length - firsts.length,
  };
}

/** Reads what a daemon that has ended left in its state folder. */
export async function readDecided(
  stateDir: string,
): Promise<Pick<DeliveryRecords, 'stored' | 'waiting' | 'integrity'>> {
  const { db, repair } = await openDatabase(stateDir);
  try {
    const stored = db
      .prepare<[], { payload: string }>('SELECT payload FROM hits ORDER BY seq')
      .all()
      .map(({ payload }) => JSON.parse(payload) as Hit);
    const waiting = db.prepare<[], { id: string }>('SELECT hit_id AS id FROM outbox').all();
    return {
      stored,
      waiting: new Set(waiting.map(({ id }) => id)),
      integrity: repair ?? String(db.pragma('integrity_check(1)', { simple: true })),
    };
  } finally {
    db.close();
  }
}
