import type { Database } from 'better-sqlite3';
import type { Config } from '../config/schema.js';

/** What one step of retention deleted. */
export interface Swept {
  /** Hits with all that is kept of them. */
  readonly hits: number;
  /** Templates of hits that stay. */
  readonly evidence: number;
  /** Strangers with their shots and crops. */
  readonly strangers: number;
}

/** Rows that one step looks at: a long transaction would stop the hits. */
const STEP_ROWS = 500;
/** Strangers deleted in one step when the database is too large. */
const STEP_STRANGERS = 20;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIB = 1_048_576;

/** Bytes of a database that hold something. Free pages are left out: they are used again. */
export function usedBytes(db: Database): number {
  const read = (name: string): number => Number(db.pragma(name, { simple: true }));
  return (read('page_count') - read('freelist_count')) * read('page_size');
}

/**
 * Deletes what is kept for a bounded time, number and size. The oldest goes first: by age and
 * number each kind for itself; when the database is too large, hits before strangers. Nothing that
 * still has to be sent is deleted, nor anybody whom people decided about.
 */
export class Retention {
  /** No hit up to this one has evidence any more. */
  #bareUpTo = 0;

  constructor(private readonly db: Database) {}

  /** One short step. Call again while it deleted anything. */
  step(limits: Config['retention'], nowMs: number): Swept {
    const hits = this.#oldHits(limits, nowMs);
    const evidence = this.#oldEvidence(limits, nowMs);
    const strangers = this.#oldStrangers(limits, nowMs);
    if (hits + strangers > 0 || usedBytes(this.db) <= limits.maxDatabaseMiB * MIB) {
      return { hits, evidence, strangers };
    }
    const more = this.#oldestHits();
    return { hits: more, evidence, strangers: more > 0 ? 0 : this.#oldestStrangers() };
  }

  #oldHits({ hitsDays, maxHits }: Config['retention'], nowMs: number): number {
    return this.db
      .prepare(
        `DELETE FROM hits WHERE seq IN (SELECT seq FROM hits ORDER BY seq LIMIT ${STEP_ROWS})
           AND (captured_at_ms < ? OR seq <= (SELECT MAX(seq) FROM hits) - ?)
           AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.seq = hits.seq)`,
      )
      .run(nowMs - hitsDays * DAY_MS, maxHits).changes;
  }

  /** Goes through the hits once; what was captured later than it says is found after a restart. */
  #oldEvidence({ evidenceDays }: Config['retention'], nowMs: number): number {
    const old = this.db
      .prepare<[number], { seq: number; capturedAtMs: number }>(
        `SELECT seq, captured_at_ms AS capturedAtMs FROM hits
         WHERE seq > ? ORDER BY seq LIMIT ${STEP_ROWS}`,
      )
      .all(this.#bareUpTo);
    const keptFromMs = nowMs - evidenceDays * DAY_MS;
    const young = old.findIndex(({ capturedAtMs }) => capturedAtMs >= keptFromMs);
    const last = (young < 0 ? old : old.slice(0, young)).at(-1);
    if (last === undefined) return 0;
    const { changes } = this.db
      .prepare('UPDATE hits SET evidence = NULL WHERE seq BETWEEN ? AND ? AND evidence NOT NULL')
      .run(this.#bareUpTo, last.seq);
    this.#bareUpTo = last.seq;
    return changes;
  }

  #oldStrangers({ unknownsHours, maxUnknowns }: Config['retention'], nowMs: number): number {
    return this.db
      .prepare(
        `DELETE FROM strangers WHERE anchor IS NULL AND (last_seen_at_ms < ? OR id NOT IN
           (SELECT id FROM strangers WHERE anchor IS NULL
            ORDER BY last_seen_at_ms DESC LIMIT ?))`,
      )
      .run(Math.floor(nowMs - unknownsHours * HOUR_MS), maxUnknowns).changes;
  }

  #oldestHits(): number {
    return this.db
      .prepare(
        `DELETE FROM hits WHERE seq IN
           (SELECT h.seq FROM hits h
            WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.seq = h.seq)
            ORDER BY h.seq LIMIT ${STEP_ROWS})`,
      )
      .run().changes;
  }

  #oldestStrangers(): number {
    return this.db
      .prepare(
        `DELETE FROM strangers WHERE id IN
           (SELECT id FROM strangers WHERE anchor IS NULL
            ORDER BY last_seen_at_ms LIMIT ${STEP_STRANGERS})`,
      )
      .run().changes;
  }
}
