import type { Database } from 'better-sqlite3';
import type { Template } from '../domain/records.js';
import { type BlobVault, vaultOf } from './blob-vault.js';
import { cosine } from './cosine.js';

/** Rows that were deleted with a person. */
export interface ErasedRows {
  readonly identities: number;
  readonly templates: number;
  readonly crops: number;
  readonly hits: number;
  /** Hits that had not been sent yet. */
  readonly unsent: number;
  /** Strangers that looked like the person: sightings from before the enrolment. */
  readonly strangers: number;
}

/** Bytes of a needle: more than chance can bring about. */
const NEEDLE_BYTES = 24;

const MAX_HITS_LOOKED_FOR = 50;

interface TemplateRow {
  readonly id: string;
  readonly family: string;
  readonly vector: Buffer;
  readonly crop: Buffer | null;
}

/**
 * What to look for in files to see whether anything of a person is left: ids, and pieces of
 * templates and crops.
 */
export function tracesOf(db: Database, identityId: string): Buffer[] {
  const vault = vaultOf(db);
  const templates = templatesOf(db, identityId);
  // Each hit holds the identity's id as well: some of thousands are enough to look for.
  const hits = db
    .prepare<[string, string], { id: string; evidence: Buffer | null }>(
      `SELECT id, evidence FROM hits WHERE identity_id = ? OR instr(payload, ?) > 0
       ORDER BY seq DESC LIMIT ${MAX_HITS_LOOKED_FOR}`,
    )
    .all(identityId, identityId);
  return [
    Buffer.from(identityId),
    ...templates.flatMap(({ id, vector, crop }) => [
      Buffer.from(id),
      ...piecesOf(vector, vault),
      ...piecesOf(crop, vault),
    ]),
    ...hits.flatMap(({ id, evidence }) => [Buffer.from(id), ...piecesOf(evidence, vault)]),
  ];
}

/**
 * Deletes every row about a person: identity, templates, crops, hits, unsent messages, and
 * strangers who look like them. SQLite overwrites what it deletes (secure_delete).
 *
 * @param threshold Cosine from which a stranger counts as the person.
 */
export function eraseIdentity(db: Database, identityId: string, threshold: number): ErasedRows {
  return db.transaction(() => {
    const templates = templatesOf(db, identityId);
    const strangers = lookingLike(db, templates, threshold);
    const seqs = db
      .prepare<[string, string, string], { seq: number }>(
        `SELECT seq FROM hits WHERE identity_id = ? OR instr(payload, ?) > 0
           OR stranger_id IN (SELECT value FROM json_each(?))`,
      )
      .all(identityId, identityId, JSON.stringify(strangers))
      .map(({ seq }) => seq);
    const deleteIn = (table: string, column: string, values: readonly unknown[]) =>
      db
        .prepare(`DELETE FROM ${table} WHERE ${column} IN (SELECT value FROM json_each(?))`)
        .run(JSON.stringify(values)).changes;
    return {
      unsent: deleteIn('outbox', 'seq', seqs),
      hits: deleteIn('hits', 'seq', seqs),
      strangers: deleteIn('strangers', 'id', strangers),
      templates: templates.length,
      crops: templates.filter(({ crop }) => crop !== null).length,
      identities: deleteIn('identities', 'id', [identityId]),
    };
  })();
}

/** Erases who was forgotten from a database that was restored. @returns How many people. */
export function eraseForgotten(db: Database, forgotten: ReadonlySet<string>): number {
  if (forgotten.size === 0) return 0;
  const back = db
    .prepare<[string], { id: string }>(
      'SELECT id FROM identities WHERE id IN (SELECT value FROM json_each(?))',
    )
    .all(JSON.stringify([...forgotten]));
  for (const { id } of back) eraseIdentity(db, id, 1);
  return back.length;
}

/** Rows that name a person still; none after {@link eraseIdentity}. */
export function rowsAbout(db: Database, identityId: string): number {
  const count = db
    .prepare<[Record<string, string>], { n: number }>(
      `SELECT (SELECT COUNT(*) FROM identities WHERE id = @id)
            + (SELECT COUNT(*) FROM templates WHERE identity_id = @id)
            + (SELECT COUNT(*) FROM look_alikes WHERE identity_id = @id OR other_id = @id)
            + (SELECT COUNT(*) FROM hits WHERE identity_id = @id OR instr(payload, @id) > 0) AS n`,
    )
    .get({ id: identityId });
  return count?.n ?? 0;
}

function templatesOf(db: Database, identityId: string): TemplateRow[] {
  return db
    .prepare<[string], TemplateRow>(
      'SELECT id, family, vector, crop FROM templates WHERE identity_id = ?',
    )
    .all(identityId);
}

function lookingLike(
  db: Database,
  templates: readonly TemplateRow[],
  threshold: number,
): readonly string[] {
  const vault = vaultOf(db);
  const own = templates.map(({ family, vector }) => ({
    family,
    vector: vault.openVectorIfWhole(vector),
  }));
  // Whose face cannot be read may be the person: nothing of a forgotten one may stay.
  const isLike = (family: string, vector: Template | undefined) =>
    vector === undefined ||
    own.some(
      (one) =>
        one.family === family &&
        one.vector !== undefined &&
        cosine(one.vector, vector) >= threshold,
    );
  return db
    .prepare<[], { id: string; family: string; vector: Buffer }>(
      'SELECT id, family, vector FROM strangers',
    )
    .all()
    .filter(({ family, vector }) => isLike(family, vault.openVectorIfWhole(vector)))
    .map(({ id }) => id);
}

/** As it is stored, and as it would be without encryption, if it can be decrypted. */
function piecesOf(blob: Buffer | null, vault: BlobVault): Buffer[] {
  if (blob === null) return [];
  const plain = vault.sealed ? vault.openIfWhole(blob) : undefined;
  return [...needlesOf(blob), ...(plain === undefined ? [] : needlesOf(plain))];
}

/**
 * From two places, of which one survives the borders of pages. Not from the beginning: the first
 * bytes of all JPEGs are the same, whoever they show.
 */
function needlesOf(blob: Buffer): Buffer[] {
  if (blob.byteLength < NEEDLE_BYTES) return [];
  const last = blob.byteLength - NEEDLE_BYTES;
  return [last / 2, (last * 3) / 4].map((at) => {
    const start = Math.floor(at);
    return blob.subarray(start, start + NEEDLE_BYTES);
  });
}
