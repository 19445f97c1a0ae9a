import type { Database } from 'better-sqlite3';
import { ulid } from 'ulid';
import type { Analysis } from '../vision/messages.js';
import { vaultOf } from './blob-vault.js';
import { MADE_FROM } from './identity-store.js';

export interface ReembeddingOptions {
  readonly db: Database;
  /** Family and build of the recogniser in use. */
  readonly family: string;
  readonly build: string;
  /** Embeds the crop of an enrolled face; rejects when that cannot be done now. */
  readonly embed: (crop: Uint8Array) => Promise<Analysis>;
  /** Ends the work after the crop under way. */
  readonly signal: AbortSignal;
}

/** What became of the templates of other recognisers. */
export interface ReembeddingReport {
  /** Templates made for the recogniser in use. */
  readonly made: number;
  /** Crops that could not be embedded. */
  readonly failed: number;
  /** People whom this recogniser cannot know: they have no crops. */
  readonly unknown: readonly string[];
}

interface Original {
  readonly crop: Buffer;
}

/**
 * Makes templates for the recogniser in use from the crops that enrolment kept, so that a change of
 * recogniser needs no new photos. The templates of the other recogniser stay: changing back costs
 * nothing. What was made once is not made again.
 *
 * @throws what `embed` rejects with; what was made until then stays.
 */
export async function reembedGallery(options: ReembeddingOptions): Promise<ReembeddingReport> {
  const { db, family, embed, signal } = options;
  const vault = vaultOf(db);
  let made = 0;
  let failed = 0;
  const original = db.prepare<[string], Original>('SELECT crop FROM templates WHERE id = ?');
  for (const id of pending(db, family)) {
    if (signal.aborted) break;
    const crop = original.get(id)?.crop;
    // The person was removed meanwhile.
    if (crop === undefined) continue;
    const opened = vault.openIfWhole(crop);
    if (opened === undefined) {
      failed++;
      continue;
    }
    const analysis = await embed(opened);
    if (signal.aborted) break;
    const face = analysis.ok ? analysis.faces[0] : undefined;
    if (face === undefined) failed++;
    else made += add(options, id, vault.sealVector(face.template));
  }
  return { made, failed, unknown: unknownTo(db, family) };
}

/** Originals of other families that nothing was made of yet, as they were enrolled. */
function pending(db: Database, family: string): string[] {
  return db
    .prepare<[string, string], { id: string }>(
      `SELECT id FROM templates
       WHERE family <> ? AND crop IS NOT NULL AND source NOT LIKE '${MADE_FROM}%'
         AND '${MADE_FROM}' || id NOT IN (SELECT source FROM templates WHERE family = ?)
       ORDER BY rowid`,
    )
    .all(family, family)
    .map(({ id }) => id);
}

/** Whoever was removed while the crop was embedded does not come back. */
function add({ db, family, build }: ReembeddingOptions, id: string, vector: Buffer): number {
  const source = MADE_FROM + id;
  return db
    .prepare(
      `INSERT INTO templates
         (id, identity_id, family, build, vector, quality, crop, source, created_at_ms)
       SELECT ?, identity_id, ?, ?, ?, quality, NULL, ?, ? FROM templates
       WHERE id = ? AND NOT EXISTS (SELECT 1 FROM templates WHERE source = ? AND family = ?)`,
    )
    .run(ulid(), family, build, vector, source, Date.now(), id, source, family).changes;
}

function unknownTo(db: Database, family: string): string[] {
  return db
    .prepare<[string], { name: string }>(
      `SELECT name FROM identities i
       WHERE EXISTS (SELECT 1 FROM templates t WHERE t.identity_id = i.id)
         AND NOT EXISTS
           (SELECT 1 FROM templates t WHERE t.family = ? AND t.identity_id = i.id)
       ORDER BY name_key`,
    )
    .all(family)
    .map(({ name }) => name);
}
