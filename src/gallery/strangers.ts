import type { Database } from 'better-sqlite3';
import { ulid } from 'ulid';
import type { Template } from '../domain/records.js';
import { type BlobVault, vaultOf } from './blob-vault.js';
import { cosine } from './cosine.js';
import { readSetting, writeSetting } from './settings.js';

/** Somebody without a name who was seen once or more. */
export interface Stranger {
  readonly id: string;
  /** "unknown #7"; the number is never given to anybody else. */
  readonly label: string;
}

/** Why a stranger is kept and compared with like an identity. */
export type Anchor = 'ignored' | 'corrected';

/** The track of somebody unknown. */
export interface Sighting {
  readonly template: Template;
  readonly quality: number;
  readonly build: string;
  readonly crop?: Uint8Array | undefined;
  readonly atMs: number;
}

interface Shot {
  readonly vector: Template;
  readonly quality: number;
}

interface Known {
  readonly id: string;
  readonly number: number;
  readonly anchor: Anchor | null;
  readonly mean: Template;
  readonly sightings: number;
  readonly shots: readonly Shot[];
  readonly lastSeenAtMs: number;
}

/** Where a sighting belongs. Nothing is changed before it is saved and kept. */
export interface Placement {
  readonly stranger: Stranger;
  readonly anchor: Anchor | null;
  readonly isNew: boolean;
  /** @internal */
  readonly next: Known;
  /** @internal */
  readonly sighting: Sighting;
}

/** Shots kept of one stranger, to be enrolled when somebody names them. */
export const MAX_SHOTS = 5;
/** Sightings after which a stranger's mean hardly moves any more. */
const MAX_WEIGHT = 20;
/** Somebody who was seen so recently may look a little less alike: it is likely to be them. */
const RECENT_MS = 600_000;
const RECENT_SLACK = 0.08;

/** Label of a stranger's number. */
export const labelOf = (number: number): string => `unknown #${number}`;

/** Number of the last stranger that there was: none is given twice, whoever was deleted since. */
const LAST_NUMBER = 'lastStranger';

/** The number that the next stranger gets. */
export function nextNumber(db: Database): number {
  return Number(readSetting(db, LAST_NUMBER) ?? 0) + 1;
}

/** A stranger has got the number; call inside the transaction that writes the stranger. */
export function takeNumber(db: Database, number: number): void {
  writeSetting(db, LAST_NUMBER, String(number));
}

/**
 * Groups unknown tracks into strangers whose ids stay: a track joins the nearest stranger that it
 * is similar enough to, and strangers are merged by people only.
 */
export class Strangers {
  readonly #vault: BlobVault;
  #known: Known[] = [];
  #unreadable = 0;

  /** @param threshold Cosine from which two templates are of one person. */
  constructor(
    private readonly db: Database,
    private readonly family: string,
    private readonly threshold: () => number,
  ) {
    this.#vault = vaultOf(db);
    this.reload();
  }

  /** Faces that were left out because they cannot be decrypted. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** Reads them anew: somebody was named, merged or ignored. */
  reload(): void {
    this.#unreadable = 0;
    const open = (vector: Buffer): Template | undefined => {
      const opened = this.#vault.openVectorIfWhole(vector);
      if (opened === undefined) this.#unreadable++;
      return opened;
    };
    const shots = this.db.prepare<[string], { vector: Buffer; quality: number }>(
      'SELECT vector, quality FROM stranger_shots WHERE stranger_id = ?',
    );
    this.#known = this.db
      .prepare<[string], Omit<Known, 'mean' | 'shots'> & { vector: Buffer }>(
        `SELECT id, number, anchor, vector, sightings, last_seen_at_ms AS lastSeenAtMs
         FROM strangers WHERE family = ?`,
      )
      .all(this.family)
      .flatMap(({ vector: stored, ...row }) => {
        const mean = open(stored);
        if (mean === undefined) return [];
        const readable = shots.all(row.id).flatMap((shot) => {
          const vector = open(shot.vector);
          return vector === undefined ? [] : [{ ...shot, vector }];
        });
        return [{ ...row, mean, shots: readable }];
      });
  }

  /** The stranger that a sighting belongs to: one who was seen before, or a new one. */
  place(sighting: Sighting): Placement {
    let nearest: Known | undefined;
    const threshold = this.threshold();
    let best = Number.NEGATIVE_INFINITY;
    for (const known of this.#known) {
      const { template, atMs } = sighting;
      const recent = Math.abs(atMs - known.lastSeenAtMs) <= RECENT_MS;
      const similarity = similarityTo(known, template);
      if (similarity < threshold - (recent ? RECENT_SLACK : 0) || similarity <= best) continue;
      best = similarity;
      nearest = known;
    }
    const next =
      nearest === undefined ? this.#begin(sighting) : joined(nearest, sighting, best >= threshold);
    return {
      stranger: { id: next.id, label: labelOf(next.number) },
      anchor: next.anchor,
      isNew: nearest === undefined,
      next,
      sighting,
    };
  }

  /** Writes a placement; call inside the transaction of what it belongs to. */
  save({ next, sighting, isNew }: Placement): void {
    const { template, quality, build, crop, atMs } = sighting;
    this.db
      .prepare(
        `INSERT INTO strangers
           (id, number, family, vector, sightings, first_seen_at_ms, last_seen_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET vector = excluded.vector,
           sightings = excluded.sightings, last_seen_at_ms = excluded.last_seen_at_ms`,
      )
      .run(
        ...[next.id, next.number, this.family, this.#vault.sealVector(next.mean)],
        ...[next.sightings, atMs, atMs],
      );
    if (isNew) takeNumber(this.db, next.number);
    if (!next.shots.some(({ vector }) => vector === template)) return;
    this.db
      .prepare(
        `INSERT INTO stranger_shots (stranger_id, build, vector, quality, crop, seen_at_ms)
         VALUES (?, ?, ?, ?, ?, ?)`,
      )
      .run(
        ...[next.id, build, this.#vault.sealVector(template), quality],
        ...[crop === undefined ? null : this.#vault.seal(crop), atMs],
      );
    this.db
      .prepare(
        `DELETE FROM stranger_shots WHERE stranger_id = ? AND id NOT IN
           (SELECT id FROM stranger_shots WHERE stranger_id = ?
            ORDER BY quality DESC, id LIMIT ${MAX_SHOTS})`,
      )
      .run(next.id, next.id);
  }

  /** The transaction of {@link save} has been committed. */
  keep({ next }: Placement): void {
    this.#known = [...this.#known.filter(({ id }) => id !== next.id), next];
  }

  #begin({ template, quality, atMs }: Sighting): Known {
    return {
      id: ulid(),
      number: nextNumber(this.db),
      anchor: null,
      mean: template,
      sightings: 1,
      shots: [{ vector: template, quality }],
      lastSeenAtMs: atMs,
    };
  }
}

/** To the mean or to the most similar shot: people look different from different sides. */
function similarityTo({ mean, shots }: Known, template: Template): number {
  return Math.max(cosine(mean, template), ...shots.map(({ vector }) => cosine(vector, template)));
}

/** @param sure Whether the sighting may change what the stranger looks like. */
function joined(known: Known, { template, quality, atMs }: Sighting, sure: boolean): Known {
  const seen = { ...known, sightings: known.sightings + 1, lastSeenAtMs: atMs };
  if (!sure) return seen;
  const weight = Math.min(known.sightings, MAX_WEIGHT);
  const sum = known.mean.map((value, i) => value * weight + (template[i] as number));
  const length = Math.sqrt(cosine(sum, sum));
  const shots = [...known.shots, { vector: template, quality }].sort(
    (a, b) => b.quality - a.quality,
  );
  return {
    ...seen,
    mean: sum.map((value) => value / length),
    shots: shots.slice(0, MAX_SHOTS),
  };
}
