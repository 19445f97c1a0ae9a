import type { Database } from 'better-sqlite3';
import type { Hit, Identity } from '../domain/records.js';

/** Which hits are wanted. */
export interface HitFilter {
  readonly limit: number;
  readonly camera?: string | undefined;
  /** Whom they are about as far as is known now. */
  readonly identityId?: string | undefined;
  readonly sinceMs?: number | undefined;
  /** Only hits that were decided after the one of this id. */
  readonly afterId?: string | undefined;
}

/** A hit and what people said about it since. */
export interface ListedHit {
  /** As it was decided and sent. */
  readonly hit: Hit;
  /** Whom it is about as far as is known now; null for nobody known. */
  readonly identity: Identity | null;
  readonly correction: 'wrong' | 'named' | null;
  /** Whether it still waits for the broker; true as well of what a pump has not flushed yet. */
  readonly unsent: boolean;
}

interface HitRow {
  readonly payload: string;
  readonly identityId: string | null;
  readonly name: string | null;
  readonly correction: 'wrong' | 'named' | null;
  readonly unsent: number;
}

/** Hits that a watcher who was away is told of. */
const MOST_MISSED = 1_000;

/** Hits in the order in which they were decided, newest first. */
export function listHits(db: Database, filter: HitFilter): ListedHit[] {
  const { limit, camera, identityId, sinceMs, afterId } = filter;
  return db
    .prepare<[Record<string, string | number | null>], HitRow>(
      `SELECT h.payload, h.identity_id AS identityId, i.name, h.correction,
              EXISTS (SELECT 1 FROM outbox o WHERE o.seq = h.seq) AS unsent
       FROM hits h LEFT JOIN identities i ON i.id = h.identity_id
       WHERE (@camera IS NULL OR h.camera = @camera)
         AND (@identityId IS NULL OR h.identity_id = @identityId)
         AND (@sinceMs IS NULL OR h.captured_at_ms >= @sinceMs)
         AND (@afterId IS NULL OR h.id > @afterId)
       ORDER BY h.seq DESC LIMIT @limit`,
    )
    .all({
      limit,
      camera: camera ?? null,
      identityId: identityId ?? null,
      sinceMs: sinceMs ?? null,
      afterId: afterId ?? null,
    })
    .map((row) => ({
      hit: JSON.parse(row.payload) as Hit,
      identity: row.identityId === null ? null : { id: row.identityId, name: row.name ?? '' },
      correction: row.correction,
      unsent: row.unsent === 1,
    }));
}

/**
 * Hits for somebody who begins to watch: the newest `last`, or all after the one of an id, as far as
 * it is not long ago. Oldest first.
 */
export function earlierHits(db: Database, last: number, afterId: string | undefined): Hit[] {
  const limit = afterId === undefined ? last : MOST_MISSED;
  return listHits(db, { limit, afterId })
    .map(({ hit }) => hit)
    .reverse();
}
