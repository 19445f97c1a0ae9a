import type { Database } from 'better-sqlite3';

/** Rows that one transaction looks at: a long one would stop the hits. */
const STEP_ROWS = 500;

/** What a purge deleted, and what it had to leave. */
export interface PurgeResult {
  readonly hits: number;
  readonly strangers: number;
  /** Hits as old that were not sent yet: they go once the broker has them. */
  readonly unsent: number;
}

/**
 * Deletes hits, and strangers without a decision of people, that are older than a moment. In small
 * steps, so that hits are written in between.
 */
export async function purgeBefore(db: Database, beforeMs: number): Promise<PurgeResult> {
  const ends = db
    .prepare<[], { low: number | null; high: number | null }>(
      'SELECT MIN(seq) AS low, MAX(seq) AS high FROM hits',
    )
    .get();
  const step = db.prepare(
    `DELETE FROM hits WHERE seq BETWEEN ? AND ? AND captured_at_ms < ?
       AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.seq = hits.seq)`,
  );
  let hits = 0;
  for (let seq = ends?.low ?? 1; seq <= (ends?.high ?? 0); seq += STEP_ROWS) {
    hits += step.run(seq, seq + STEP_ROWS - 1, beforeMs).changes;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const strangers = db
    .prepare('DELETE FROM strangers WHERE anchor IS NULL AND last_seen_at_ms < ?')
    .run(beforeMs).changes;
  const left = db
    .prepare<[number], { n: number }>('SELECT COUNT(*) AS n FROM hits WHERE captured_at_ms < ?')
    .get(beforeMs);
  // What was deleted is overwritten in the file only when the log has been copied into it.
  db.pragma('wal_checkpoint(TRUNCATE)');
  return { hits, strangers, unsent: left?.n ?? 0 };
}
