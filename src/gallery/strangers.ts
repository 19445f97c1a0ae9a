import type { Database } from 'better-sqlite3';
import { ulid } from 'ulid';
import type { Config } from '../config/schema.js';
import type { Template } from '../domain/records.js';
import { cosine } from './cosine.js';
import { fromBlob, toBlob } from './identity-store.js';

/** Somebody without a name who was seen once or more. */
export interface Stranger {
  readonly id: string;
  /** "unknown #7"; the number is never given to anybody else. */
  readonly label: string;
}

interface Known {
  readonly id: string;
  readonly number: number;
  vector: Template;
  sightings: number;
}

/** Sightings after which a stranger's mean hardly moves any more. */
const MAX_WEIGHT = 20;

/** Groups unknown tracks into strangers whose ids stay. */
export class Strangers {
  #known: Known[] = [];

  constructor(
    private readonly db: Database,
    private readonly family: string,
    private readonly threshold: number,
  ) {
    this.#known = db
      .prepare<[string], { id: string; number: number; vector: Buffer; sightings: number }>(
        'SELECT id, number, vector, sightings FROM strangers WHERE family = ?',
      )
      .all(family)
      .map((row) => ({ ...row, vector: fromBlob(row.vector) }));
  }

  /** The stranger that a track belongs to: one who was seen before, or a new one. */
  place(template: Template, _crop: Uint8Array | undefined, atMs: number): Stranger {
    let nearest: Known | undefined;
    let similarity = this.threshold;
    for (const known of this.#known) {
      const value = cosine(known.vector, template);
      if (value < similarity) continue;
      similarity = value;
      nearest = known;
    }
    const stranger = nearest ?? this.#begin(template);
    if (nearest !== undefined) this.#refine(nearest, template);
    this.#save(stranger, atMs);
    if (nearest === undefined) this.#known.push(stranger);
    return { id: stranger.id, label: `unknown #${stranger.number}` };
  }

  /** Forgets who was not seen for long, and the oldest of too many. */
  sweep({ unknownsHours, maxUnknowns }: Config['retention'], nowMs: number): number {
    const oldest = nowMs - unknownsHours * 3_600_000;
    const aged = this.db.prepare('DELETE FROM strangers WHERE last_seen_at_ms < ?').run(oldest);
    const surplus = this.db
      .prepare(
        `DELETE FROM strangers WHERE id NOT IN
           (SELECT id FROM strangers ORDER BY last_seen_at_ms DESC LIMIT ?)`,
      )
      .run(maxUnknowns);
    const gone = aged.changes + surplus.changes;
    if (gone > 0) {
      const left = new Set(
        this.db
          .prepare<[], { id: string }>('SELECT id FROM strangers')
          .all()
          .map(({ id }) => id),
      );
      this.#known = this.#known.filter(({ id }) => left.has(id));
    }
    return gone;
  }

  #begin(template: Template): Known {
    const row = this.db
      .prepare<[], { value: string }>("SELECT value FROM settings WHERE key = 'lastStranger'")
      .get();
    const number = Number(row?.value ?? 0) + 1;
    this.db
      .prepare("INSERT OR REPLACE INTO settings (key, value) VALUES ('lastStranger', ?)")
      .run(String(number));
    return { id: ulid(), number, vector: template, sightings: 0 };
  }

  #refine(known: Known, template: Template): void {
    const weight = Math.min(known.sightings, MAX_WEIGHT);
    const mean = known.vector.map((value, i) => value * weight + (template[i] as number));
    const length = Math.hypot(...mean);
    known.vector = mean.map((value) => value / length);
  }

  #save(stranger: Known, atMs: number): void {
    stranger.sightings++;
    this.db
      .prepare(
        `INSERT INTO strangers
           (id, number, family, vector, sightings, first_seen_at_ms, last_seen_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET vector = excluded.vector,
           sightings = excluded.sightings, last_seen_at_ms = excluded.last_seen_at_ms`,
      )
      .run(
        stranger.id,
        stranger.number,
        this.family,
        toBlob(stranger.vector),
        stranger.sightings,
        atMs,
        atMs,
      );
  }
}
