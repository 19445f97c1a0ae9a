import type { Database } from 'better-sqlite3';
import type { Config } from '../config/schema.js';

/** A message that waits to be sent. */
export interface OutboxRow {
  readonly seq: number;
  readonly topic: string;
  readonly payload: string;
  readonly createdAtMs: number;
}

/** Messages that the broker has not acknowledged, in the order in which they were decided. */
export class Outbox {
  constructor(private readonly db: Database) {}

  get size(): number {
    const row = this.db.prepare<[], { n: number }>('SELECT COUNT(*) AS n FROM outbox').get();
    return row?.n ?? 0;
  }

  /** The oldest rows after `seq`. */
  after(seq: number, limit: number): OutboxRow[] {
    return this.db
      .prepare<[number, number], OutboxRow>(
        `SELECT seq, topic, payload, created_at_ms AS createdAtMs
         FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?`,
      )
      .all(seq, limit);
  }

  /** The broker has these. One transaction for all of them spares the SD card. */
  acknowledge(seqs: readonly number[]): void {
    if (seqs.length === 0) return;
    this.db
      .prepare('DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?))')
      .run(JSON.stringify(seqs));
  }

  /** Drops what is too old, then the oldest of what is too much. @returns How many were dropped. */
  bound({ outboxDays, maxOutbox }: Config['retention'], nowMs: number): number {
    const aged = this.db
      .prepare('DELETE FROM outbox WHERE created_at_ms < ?')
      .run(nowMs - outboxDays * 86_400_000).changes;
    const surplus = this.size - maxOutbox;
    if (surplus <= 0) return aged;
    return (
      aged +
      this.db
        .prepare('DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox ORDER BY seq LIMIT ?)')
        .run(surplus).changes
    );
  }
}
