import type { Database } from 'better-sqlite3';
import { incrementBase32, ulid } from 'ulid';
import type { Hit, Template } from '../domain/records.js';
import { storeError } from '../domain/store-error.js';
import { vaultOf } from '../gallery/blob-vault.js';
import { toCompact } from '../gallery/compact-vector.js';
import type { Outbox } from './outbox.js';

/** Hits that are looked at for what must not come again so soon. */
const RECENT_ROWS = 500;

/** What a hit was decided on, kept so that a correction can learn from it. */
export interface HitEvidence {
  readonly family: string;
  /** Template of the track. */
  readonly template: Template;
}

type WriteHit = (hit: Hit, evidence: HitEvidence | undefined, also: () => void) => void;

/** The time of the last hit of a camera and identity. */
export interface LastHit {
  readonly camera: string;
  readonly identityId: string | null;
  readonly strangerId: string | null;
  readonly capturedAtMs: number;
}

/** Hits in SQLite. A hit and its outbox row are one transaction: what was decided is sent. */
export class HitStore {
  readonly #write: WriteHit;
  #lastId: string;
  #lastSeq: number;

  constructor(
    private readonly db: Database,
    outbox: Outbox,
  ) {
    const vault = vaultOf(db);
    const last = db
      .prepare<[], { seq: number; id: string }>(
        'SELECT seq, id FROM hits ORDER BY seq DESC LIMIT 1',
      )
      .get();
    this.#lastId = last?.id ?? '';
    this.#lastSeq = last?.seq ?? 0;
    const insert = db.prepare(
      `INSERT INTO hits
         (seq, id, type, camera, identity_id, stranger_id, captured_at_ms, family, evidence, payload)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const transaction = db.transaction<WriteHit>((hit, evidence, also) => {
      also();
      insert.run(
        this.#lastSeq + 1,
        hit.id,
        hit.type,
        hit.camera,
        hit.identity?.id ?? null,
        hit.stranger?.id ?? null,
        Date.parse(hit.time),
        evidence?.family ?? null,
        evidence === undefined ? null : vault.seal(toCompact(evidence.template)),
        JSON.stringify(hit),
      );
      outbox.add(this.#lastSeq + 1, hit.id);
    });
    const newest = db.prepare<[], number>('SELECT coalesce(MAX(seq), 0) FROM hits').pluck();
    this.#write = (hit, evidence, also) => {
      try {
        transaction(hit, evidence, also);
      } catch (error) {
        if ((error as { code?: string }).code !== 'SQLITE_CONSTRAINT_PRIMARYKEY') throw error;
        // Somebody else wrote hits meanwhile: without their number, none could be written any more.
        this.#lastSeq = newest.get() ?? 0;
        transaction(hit, evidence, also);
      }
      this.#lastSeq++;
      outbox.added();
    };
  }

  /**
   * An id for the next hit. Ids rise, also within a millisecond, over restarts and when the clock
   * is set back: their order is the order of the hits.
   */
  nextId(nowMs: number): string {
    const fresh = ulid(nowMs);
    this.#lastId = fresh > this.#lastId ? fresh : incrementBase32(this.#lastId);
    return this.#lastId;
  }

  /**
   * Writes a hit for good; when this returns, it survives a power cut.
   *
   * @param evidence Absent when nothing may be learnt from the hit later.
   * @param also Writes what belongs to the hit, in the same transaction.
   * @throws FaceEvalError STORE when it cannot be written; then nothing of it was.
   */
  write(hit: Hit, evidence?: HitEvidence, also: () => void = () => {}): void {
    try {
      this.#write(hit, evidence, also);
    } catch (error) {
      throw storeError('a hit cannot be written', error);
    }
  }

  /** Newest first, as they were decided. */
  recent(limit: number): Hit[] {
    return this.db
      .prepare<[number], { payload: string }>('SELECT payload FROM hits ORDER BY seq DESC LIMIT ?')
      .all(limit)
      .map(({ payload }) => JSON.parse(payload) as Hit);
  }

  /** Hits captured from `fromMs` to `toMs`, newest first, for what must not come again so soon. */
  between(fromMs: number, toMs: number): LastHit[] {
    return this.db
      .prepare<[number, number, number], LastHit>(
        `SELECT camera, identity_id AS identityId, stranger_id AS strangerId,
                captured_at_ms AS capturedAtMs
         FROM (SELECT * FROM hits ORDER BY seq DESC LIMIT ?)
         WHERE captured_at_ms BETWEEN ? AND ?`,
      )
      .all(RECENT_ROWS, fromMs, toMs);
  }
}
