import type { Database } from 'better-sqlite3';
import { ulid } from 'ulid';
import type { Config } from '../config/schema.js';
import { FaceEvalError } from '../domain/errors.js';
import type { Identity, Template } from '../domain/records.js';
import { type BlobVault, vaultOf } from './blob-vault.js';
import { cosine } from './cosine.js';
import { IdentityStore } from './identity-store.js';
import {
  type Anchor,
  labelOf,
  MAX_SHOTS,
  nextNumber,
  type Stranger,
  takeNumber,
} from './strangers.js';

/** A stranger as people see it. */
export interface StrangerSummary extends Stranger {
  readonly number: number;
  readonly sightings: number;
  /** Shots that are kept of them. */
  readonly shots: number;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  readonly anchor: Anchor | null;
}

interface StrangerRow {
  readonly id: string;
  readonly number: number;
  readonly family: string;
  readonly sightings: number;
  readonly vector: Buffer;
}

interface ShotRow {
  readonly build: string;
  readonly vector: Buffer;
  readonly quality: number;
  readonly crop: Buffer | null;
}

interface Shot extends Omit<ShotRow, 'vector'> {
  readonly vector: Template;
}

/** What people do with strangers. The daemon notices and reads them anew. */
export class StrangerAdmin {
  readonly #identities: IdentityStore;
  readonly #vault: BlobVault;

  constructor(
    private readonly db: Database,
    private readonly config: Config['gallery'],
  ) {
    this.#identities = new IdentityStore(db);
    this.#vault = vaultOf(db);
  }

  /** Who was seen last comes first. */
  list(): StrangerSummary[] {
    return this.db
      .prepare<[], Omit<StrangerSummary, 'label'>>(
        `SELECT s.id, s.number, s.sightings, COUNT(t.id) AS shots, s.anchor,
                s.first_seen_at_ms AS firstSeenAtMs, s.last_seen_at_ms AS lastSeenAtMs
         FROM strangers s LEFT JOIN stranger_shots t ON t.stranger_id = s.id
         GROUP BY s.id ORDER BY s.last_seen_at_ms DESC, s.number DESC`,
      )
      .all()
      .map((row) => ({ ...row, label: labelOf(row.number) }));
  }

  /** @throws FaceEvalError USAGE when there is no stranger of this number, label or id. */
  find(stranger: string): Stranger {
    const { id, number } = this.#require(stranger);
    return { id, label: labelOf(number) };
  }

  /** Best picture of a stranger, JPEG; undefined when none is kept. */
  crop(stranger: string): Uint8Array | undefined {
    const { id } = this.#require(stranger);
    return this.#shots(id).find(({ crop }) => crop !== null)?.crop ?? undefined;
  }

  /**
   * Gives a stranger a name: the shots become templates, and what was seen of them is relabelled.
   * Somebody who is in the gallery already gets the shots in addition.
   *
   * @param stranger Number, label or id.
   * @throws FaceEvalError USAGE when there is no such stranger, or the name is none.
   */
  name(stranger: string, name: string): { identity: Identity; templates: number; hits: number } {
    return this.db.transaction(() => {
      const { id, family, number } = this.#require(stranger);
      const identity = this.#identities.ensure(name);
      const templates = this.#enrolShots(id, family, identity, `stranger ${number}`);
      const hits = this.db
        .prepare("UPDATE hits SET identity_id = ?, correction = 'named' WHERE stranger_id = ?")
        .run(identity.id, id).changes;
      this.#delete(id);
      return { identity, templates, hits };
    })();
  }

  /** Makes one stranger of two: the first is gone, what was seen of both is the second's. */
  merge(from: string, into: string): Stranger {
    return this.db.transaction(() => {
      const gone = this.#require(from);
      const kept = this.#require(into);
      if (gone.id === kept.id) throw usage('these are one stranger already', 'name two of them');
      if (gone.family !== kept.family) {
        throw usage(
          'they were seen by different models, whose templates cannot be compared',
          'wait until both were seen again, or remove the older one',
        );
      }
      this.db
        .prepare('UPDATE stranger_shots SET stranger_id = ? WHERE stranger_id = ?')
        .run(kept.id, gone.id);
      this.#keepBestShots(kept.id);
      this.db
        .prepare(
          `UPDATE strangers SET vector = ?, sightings = sightings + ?,
             first_seen_at_ms = min(first_seen_at_ms,
               (SELECT first_seen_at_ms FROM strangers WHERE id = ?)),
             last_seen_at_ms = max(last_seen_at_ms,
               (SELECT last_seen_at_ms FROM strangers WHERE id = ?))
           WHERE id = ?`,
        )
        .run(
          this.#vault.sealVector(this.#meanOf(gone, kept)),
          gone.sightings,
          gone.id,
          gone.id,
          kept.id,
        );
      this.db
        .prepare('UPDATE hits SET stranger_id = ? WHERE stranger_id = ?')
        .run(kept.id, gone.id);
      this.#delete(gone.id);
      return { id: kept.id, label: labelOf(kept.number) };
    })();
  }

  /** Never reports a stranger again (the postman, a poster), or does so again. */
  ignore(stranger: string, on: boolean): Stranger {
    const { id, number } = this.#require(stranger);
    this.db.prepare('UPDATE strangers SET anchor = ? WHERE id = ?').run(on ? 'ignored' : null, id);
    return { id, label: labelOf(number) };
  }

  /** Deletes a stranger with shots and crops; the hits keep their label. */
  remove(stranger: string): Stranger {
    const { id, number } = this.#require(stranger);
    this.#delete(id);
    return { id, label: labelOf(number) };
  }

  /** Deletes a stranger if there is one of this id. */
  discard(id: string): void {
    this.#delete(id);
  }

  /**
   * Remembers somebody who was taken for an identity: who looks like this is not that identity.
   * Call inside a transaction.
   */
  addCorrected(family: string, build: string, template: Template, atMs: number): Stranger {
    const number = nextNumber(this.db);
    const id = ulid();
    takeNumber(this.db, number);
    this.db
      .prepare(
        `INSERT INTO strangers
           (id, number, family, vector, sightings, first_seen_at_ms, last_seen_at_ms, anchor)
         VALUES (?, ?, ?, ?, 1, ?, ?, 'corrected')`,
      )
      .run(id, number, family, this.#vault.sealVector(template), atMs, atMs);
    this.db
      .prepare(
        `INSERT INTO stranger_shots (stranger_id, build, vector, quality, seen_at_ms)
         VALUES (?, ?, ?, 0, ?)`,
      )
      .run(id, build, this.#vault.sealVector(template), atMs);
    return { id, label: labelOf(number) };
  }

  #enrolShots(id: string, family: string, identity: Identity, source: string): number {
    const own = this.#identities.templates(family, identity.id).map(({ vector }) => vector);
    let added = 0;
    for (const { build, vector, quality, crop } of this.#shots(id)) {
      const nearest = Math.max(-1, ...own.map((other) => cosine(other, vector)));
      const room = own.length < this.config.maxTemplates;
      if (!room || nearest >= this.config.duplicateSimilarity) continue;
      this.#identities.addTemplate(identity.id, {
        ...{ family, build, vector, quality, source },
        crop: this.config.keepCrops ? (crop ?? undefined) : undefined,
      });
      own.push(vector);
      added++;
    }
    return added;
  }

  /** Best first. */
  #shots(id: string): Shot[] {
    return this.db
      .prepare<[string], ShotRow>(
        `SELECT build, vector, quality, crop FROM stranger_shots
         WHERE stranger_id = ? ORDER BY quality DESC, id`,
      )
      .all(id)
      .map(({ vector, crop, ...row }) => ({
        ...row,
        vector: this.#vault.openVector(vector),
        crop: crop === null ? null : this.#vault.open(crop),
      }));
  }

  #meanOf(first: StrangerRow, second: StrangerRow): Template {
    const a = this.#vault.openVector(first.vector);
    const b = this.#vault.openVector(second.vector);
    const sum = a.map((value, i) => value * first.sightings + (b[i] as number) * second.sightings);
    const length = Math.sqrt(cosine(sum, sum)) || 1;
    return sum.map((value) => value / length);
  }

  #keepBestShots(id: string): void {
    this.db
      .prepare(
        `DELETE FROM stranger_shots WHERE stranger_id = ? AND id NOT IN
           (SELECT id FROM stranger_shots WHERE stranger_id = ?
            ORDER BY quality DESC, id LIMIT ${MAX_SHOTS})`,
      )
      .run(id, id);
  }

  #delete(id: string): void {
    this.db.prepare('DELETE FROM strangers WHERE id = ?').run(id);
  }

  #require(stranger: string): StrangerRow {
    const number = Number(/^(?:unknown )?#?(\d+)$/i.exec(stranger.trim())?.[1] ?? -1);
    const row = this.db
      .prepare<[string, number], StrangerRow>(
        'SELECT id, number, family, sightings, vector FROM strangers WHERE id = ? OR number = ?',
      )
      .get(stranger, number);
    if (row !== undefined) return row;
    throw usage(
      `there is no stranger "${stranger}"`,
      'list them with `faceeval strangers`; they are kept for retention.unknownsHours only',
    );
  }
}

function usage(message: string, hint: string): FaceEvalError {
  return new FaceEvalError('USAGE', message, { hint });
}
