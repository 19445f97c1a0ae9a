import type { Database } from 'better-sqlite3';
import { FaceEvalError } from '../domain/errors.js';
import type { Hit } from '../domain/records.js';
import { vaultOf } from '../gallery/blob-vault.js';

/** A hit as it is stored. */
export interface StoredHit {
  readonly seq: number;
  /** As it was decided and sent. */
  readonly hit: Hit;
  /** Whom it is about, as far as is known now. */
  readonly identityId: string | null;
  readonly strangerId: string | null;
  readonly correction: 'wrong' | 'named' | null;
  readonly family: string | null;
  /** Compact template of the track. */
  readonly evidence: Buffer | null;
}

interface HitRow extends Omit<StoredHit, 'hit'> {
  readonly id: string;
  readonly payload: string;
}

/**
 * Finds a hit by its id. Ids rise with the sequence of the rows, so no index is needed, which would
 * cost the SD card a page a hit.
 *
 * @throws FaceEvalError USAGE when there is none.
 */
export function findHit(db: Database, id: string): StoredHit {
  const next = db.prepare<[number], { seq: number; id: string }>(
    'SELECT seq, id FROM hits WHERE seq >= ? ORDER BY seq LIMIT 1',
  );
  const ends = db
    .prepare<[], { low: number | null; high: number | null }>(
      'SELECT MIN(seq) AS low, MAX(seq) AS high FROM hits',
    )
    .get();
  let low = ends?.low ?? 1;
  let high = ends?.high ?? 0;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = next.get(middle);
    if (row === undefined || row.id >= id) high = middle;
    else low = row.seq + 1;
  }
  const row = next.get(low);
  if (row?.id === id) return readHit(db, row.seq);
  throw new FaceEvalError('USAGE', `there is no hit ${id}`, {
    hint: 'list them with `faceeval hits`; they are kept for retention.hitsDays only',
  });
}

function readHit(db: Database, seq: number): StoredHit {
  const row = db
    .prepare<[number], HitRow>(
      `SELECT seq, id, identity_id AS identityId, stranger_id AS strangerId, correction, family,
              evidence, payload FROM hits WHERE seq = ?`,
    )
    .get(seq);
  if (row === undefined) throw new Error(`the hit ${seq} vanished`);
  const { payload, id: _id, evidence, ...rest } = row;
  return {
    ...rest,
    evidence: evidence === null ? null : vaultOf(db).open(evidence),
    hit: JSON.parse(payload) as Hit,
  };
}
