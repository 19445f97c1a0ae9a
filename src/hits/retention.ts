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
/** A hit may be dated by a camera or a clock that is a little ahead. */
const CLOCK_SLACK_MS = HOUR_MS;
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
    const upTo = this.#oldUpTo(0, nowMs - hitsDays * DAY_MS, nowMs);
    return this.db
      .prepare(
        `DELETE FROM hits WHERE seq IN
           (SELECT h.seq FROM hits h WHERE h.seq <= max(?, (SELECT MAX(seq) FROM hits) - ?)
              AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.seq = h.seq)
            ORDER BY h.seq LIMIT ${STEP_ROWS})`,
      )
      .run(upTo, maxHits).changes;
  }

  #oldEvidence({ evidenceDays }: Config['retention'], nowMs: number): number {
    const upTo = this.#oldUpTo(this.#bareUpTo, nowMs - evidenceDays * DAY_MS, nowMs);
    const stepTo = this.db
      .prepare<[number, number], number>(
        `SELECT MAX(seq) FROM
           (SELECT seq FROM hits WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ${STEP_ROWS})`,
      )
      .pluck()
      .get(this.#bareUpTo, upTo);
    if (typeof stepTo !== 'number') return 0;
    const { changes } = this.db
      .prepare('UPDATE hits SET evidence = NULL WHERE seq > ? AND seq <= ? AND evidence NOT NULL')
      .run(this.#bareUpTo, stepTo);
    this.#bareUpTo = stepTo;
    return changes;
  }

  /**
   * The newest hit that is too old for sure. Sequence numbers rise with time, which a wall clock may
   * not: a hit that is dated in the future is as old as those after it, and where the clock was set
   * back, so that all are, none is old.
   */
  #oldUpTo(after: number, keptFromMs: number, nowMs: number): number {
    const firstKept = this.db
      .prepare<[number, number, number], number>(
        `SELECT seq FROM hits WHERE seq > ? AND captured_at_ms BETWEEN ? AND ?
         ORDER BY seq LIMIT 1`,
      )
      .pluck()
      .get(after, keptFromMs, nowMs + CLOCK_SLACK_MS);
    const lastOld = this.db
      .prepare<[number, number, number], number | null>(
        'SELECT MAX(seq) FROM hits WHERE seq > ? AND seq < ? AND captured_at_ms < ?',
      )
      .pluck()
      .get(after, firstKept ?? Number.MAX_SAFE_INTEGER, keptFromMs);
    return lastOld ?? 0;
  }

  /** Whoever is dated far in the future was seen by a wrong clock: nobody knows for how long. */
  #oldStrangers({ unknownsHours, maxUnknowns }: Config['retention'], nowMs: number): number {
    return this.db
      .prepare(
        `DELETE FROM strangers WHERE anchor IS NULL
           AND (last_seen_at_ms NOT BETWEEN ? AND ? OR id NOT IN
             (SELECT id FROM strangers WHERE anchor IS NULL
              ORDER BY last_seen_at_ms DESC LIMIT ?))`,
      )
      .run(
        Math.floor(nowMs - unknownsHours * HOUR_MS),
        Math.ceil(nowMs + CLOCK_SLACK_MS),
        maxUnknowns,
      ).changes;
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
