import type { Database } from 'better-sqlite3';
import type { Config } from '../config/schema.js';
import type { Hit } from '../domain/records.js';

/** Rows that one sweep deletes at most: a long transaction would stop the hits. */
const SWEEP_ROWS = 500;

/** Hits in SQLite. A hit and its outbox row are one transaction: what was decided is sent. */
export class HitStore {
  readonly #write: (hit: Hit, topic: string, payload: string, capturedAtMs: number) => void;

  constructor(private readonly db: Database) {
    const insertHit = db.prepare(
      `INSERT INTO hits (id, type, camera, identity_id, captured_at_ms, payload)
       VALUES (?, ?, ?, ?, ?, ?)`,
    );
    const insertOutbox = db.prepare(
      'INSERT INTO outbox (hit_id, topic, payload, created_at_ms) VALUES (?, ?, ?, ?)',
    );
    this.#write = db.transaction((hit: Hit, topic: string, payload: string, atMs: number) => {
      insertHit.run(hit.id, hit.type, hit.camera, hit.identity?.id ?? null, atMs, payload);
      insertOutbox.run(hit.id, topic, payload, Date.now());
    });
  }

  /**
   * Writes a hit for good; when this returns, it survives a power cut.
   *
   * @param topic Last part of its topic, `hits` or `unknowns`.
   */
  write(hit: Hit, topic: string): void {
    this.#write(hit, topic, JSON.stringify(hit), Date.parse(hit.time));
  }

  /** Newest first. */
  recent(limit: number): Hit[] {
    return this.db
      .prepare<[number], { payload: string }>('SELECT payload FROM hits ORDER BY id DESC LIMIT ?')
      .all(limit)
      .map(({ payload }) => JSON.parse(payload) as Hit);
  }

  /** Deletes what retention does not keep. @returns Rows deleted; call again while above zero. */
  sweep({ hitsDays, maxHits }: Config['retention'], nowMs: number): number {
    const oldest = nowMs - hitsDays * 86_400_000;
    const aged = this.db
      .prepare(
        `DELETE FROM hits WHERE id IN
           (SELECT id FROM hits WHERE captured_at_ms < ? ORDER BY id LIMIT ${SWEEP_ROWS})`,
      )
      .run(oldest).changes;
    const surplus = this.db
      .prepare(
        `DELETE FROM hits WHERE id IN (SELECT id FROM hits ORDER BY id
           LIMIT min(${SWEEP_ROWS}, max(0, (SELECT COUNT(*) FROM hits) - ?)))`,
      )
      .run(maxHits).changes;
    return aged + surplus;
  }
}
