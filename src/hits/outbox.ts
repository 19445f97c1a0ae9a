import type { Database } from 'better-sqlite3';
import type { Config } from '../config/schema.js';
import { type MachineClock, machineClock } from '../domain/machine-clock.js';
import type { Hit } from '../domain/records.js';

/** A hit that waits to be sent. */
export interface OutboxRow {
  /** Sequence number of the hit. */
  readonly seq: number;
  readonly type: Hit['type'];
  /** The hit as JSON, as it was decided. */
  readonly payload: string;
  /** How long it has waited, at least. */
  readonly ageMs: number;
}

interface StoredRow {
  readonly seq: number;
  readonly type: Hit['type'];
  readonly payload: string;
  readonly boot: string;
  readonly createdAtMs: number;
  readonly createdMonoMs: number;
}

const DAY_MS = 86_400_000;
/** A clock that says less was never set: what it dated has no known age. */
const CLOCK_SET_MS = Date.UTC(2026, 0, 1);
/** So many acknowledged rows are deleted at once, even if no hit comes. */
const FLUSH_ROWS = 64;

/**
 * Hits that the broker has not acknowledged, in the order in which they were decided. Acknowledged
 * rows are deleted together with the next write: a commit of their own would double what an SD card
 * takes. A power cut in between sends them again, with the ids that they had.
 */
export class Outbox {
  readonly #acknowledged = new Set<number>();

  constructor(
    private readonly db: Database,
    private readonly clock: MachineClock = machineClock,
  ) {}

  /** Hits that wait. */
  get size(): number {
    const row = this.db.prepare<[], { n: number }>('SELECT COUNT(*) AS n FROM outbox').get();
    return Math.max(0, (row?.n ?? 0) - this.#acknowledged.size);
  }

  /** Sequence number of the newest hit that waits; 0 when none does. */
  get lastSeq(): number {
    return (
      this.db.prepare<[], { seq: number | null }>('SELECT MAX(seq) AS seq FROM outbox').get()
        ?.seq ?? 0
    );
  }

  /** Puts a hit in; call inside the transaction that writes it. */
  add(seq: number, hitId: string): void {
    this.db
      .prepare(
        `INSERT INTO outbox (seq, hit_id, created_at_ms, boot, created_mono_ms)
         VALUES (?, ?, ?, ?, ?)`,
      )
      .run(seq, hitId, this.clock.nowMs(), this.clock.boot, this.clock.uptimeMs());
    this.#deleteAcknowledged();
  }

  /** The transaction of {@link add} has been committed. */
  added(): void {
    this.#acknowledged.clear();
  }

  /** The oldest hits after `seq` that wait. */
  after(seq: number, limit: number): OutboxRow[] {
    return this.db
      .prepare<[number, number], StoredRow>(
        `SELECT o.seq, h.type, h.payload, o.boot, o.created_at_ms AS createdAtMs,
                o.created_mono_ms AS createdMonoMs
         FROM outbox o JOIN hits h ON h.seq = o.seq WHERE o.seq > ? ORDER BY o.seq LIMIT ?`,
      )
      .all(seq, limit + this.#acknowledged.size)
      .filter((row) => !this.#acknowledged.has(row.seq))
      .slice(0, limit)
      .map((row) => ({
        seq: row.seq,
        type: row.type,
        payload: row.payload,
        ageMs: this.#ageOf(row),
      }));
  }

  /** The broker has this hit, or nobody wants it any more. */
  acknowledge(seq: number): void {
    this.#acknowledged.add(seq);
    if (this.#acknowledged.size >= FLUSH_ROWS) this.flush();
  }

  /** Deletes the acknowledged rows now. */
  flush(): void {
    if (this.#acknowledged.size === 0) return;
    this.#deleteAcknowledged();
    this.#acknowledged.clear();
  }

  /**
   * Drops what is too old. Of what is too much, unknown faces go before people, and the oldest
   * before the younger: what happened lately is worth most, and who it was more than that.
   *
   * @returns How many hits were dropped unsent.
   */
  bound({ outboxDays, maxOutbox }: Pick<Config['retention'], 'outboxDays' | 'maxOutbox'>): number {
    this.flush();
    const keptMs = outboxDays * DAY_MS;
    const aged = this.db
      .prepare(
        `DELETE FROM outbox WHERE (boot = ? AND created_mono_ms < ?)
           OR (boot <> ? AND created_at_ms >= ? AND created_at_ms < ?)`,
      )
      .run(
        this.clock.boot,
        Math.ceil(this.clock.uptimeMs() - keptMs),
        this.clock.boot,
        CLOCK_SET_MS,
        Math.ceil(this.clock.nowMs() - keptMs),
      ).changes;
    const dropOldest = this.db.prepare(
      `DELETE FROM outbox WHERE seq IN
         (SELECT o.seq FROM outbox o JOIN hits h ON h.seq = o.seq WHERE h.type = ?
          ORDER BY o.seq LIMIT max(0, (SELECT COUNT(*) FROM outbox) - ?))`,
    );
    const unknown = dropOldest.run('unknown', maxOutbox).changes;
    return aged + unknown + dropOldest.run('recognised', maxOutbox).changes;
  }

  #deleteAcknowledged(): void {
    if (this.#acknowledged.size === 0) return;
    this.db
      .prepare('DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?))')
      .run(JSON.stringify([...this.#acknowledged]));
  }

  /**
   * A hit of this start of the machine is as old as the monotonic clock says. One from before has
   * waited since this start at least, whatever a wall clock that was set back makes of it.
   */
  #ageOf({ boot, createdAtMs, createdMonoMs }: StoredRow): number {
    const uptimeMs = this.clock.uptimeMs();
    if (boot === this.clock.boot) return Math.max(0, uptimeMs - createdMonoMs);
    const dated = createdAtMs >= CLOCK_SET_MS ? this.clock.nowMs() - createdAtMs : 0;
    return Math.max(dated, uptimeMs);
  }
}
