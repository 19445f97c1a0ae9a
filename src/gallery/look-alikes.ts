import type { Database } from 'better-sqlite3';
import type { Identity, Template } from '../domain/records.js';
import { vaultOf } from './blob-vault.js';
import type { GalleryIndex } from './gallery-index.js';

/** Two people of the gallery whose nearest templates are this similar. */
export interface LookAlikePair {
  readonly first: Identity;
  readonly second: Identity;
  readonly similarity: number;
}

/** Pairs below this are of no interest to any sensible configuration and are not kept. */
const FLOOR = 0.2;
/** How far above the similarity of two different people a match of either must be. */
const CLEARANCE = 0.1;
const HIGHEST_THRESHOLD = 0.95;
/** Nearest identities that a template is compared with. */
const NEIGHBOURS = 8;
/** Templates compared in one transaction. */
const BATCH = 32;

interface NewRow {
  readonly id: string;
  readonly identityId: string;
  readonly vector: Buffer;
}

/**
 * Pairs of identities that look like each other (relatives, twins). Every template is compared with
 * the gallery once and the outcome kept, since comparing all with all takes minutes for thousands.
 */
export class LookAlikes {
  constructor(
    private readonly db: Database,
    private readonly family: string,
  ) {}

  /**
   * Compares templates that were added since the last call.
   *
   * @param index The gallery, with these templates in it.
   * @param budgetMs Time after which the rest is left for the next call.
   * @returns Whether none is left.
   */
  compareNew(index: GalleryIndex, budgetMs: number): boolean {
    const endMs = performance.now() + budgetMs;
    const vault = vaultOf(this.db);
    const next = this.db.prepare<[string], NewRow>(
      `SELECT id, identity_id AS identityId, vector FROM templates
       WHERE family = ? AND compared = 0 LIMIT ${BATCH}`,
    );
    const done = this.db.prepare('UPDATE templates SET compared = 1 WHERE id = ?');
    const compare = this.db.transaction((rows: readonly NewRow[]) => {
      for (const { id, identityId, vector: stored } of rows) {
        const vector = vault.openVectorIfWhole(stored);
        if (vector !== undefined) this.#compare(identityId, vector, index);
        done.run(id);
      }
    });
    for (;;) {
      const rows = next.all(this.family);
      if (rows.length === 0) return true;
      if (performance.now() >= endMs) return false;
      compare(rows);
    }
  }

  /** Pairs at least this similar, the nearest first. */
  list(atLeast: number): LookAlikePair[] {
    return this.db
      .prepare<[string, number], { a: string; aName: string; b: string; bName: string; s: number }>(
        `SELECT a.id AS a, a.name AS aName, b.id AS b, b.name AS bName, l.similarity AS s
         FROM look_alikes l JOIN identities a ON a.id = l.identity_id
         JOIN identities b ON b.id = l.other_id
         WHERE l.family = ? AND l.similarity >= ? ORDER BY l.similarity DESC`,
      )
      .all(this.family, atLeast)
      .map(({ a, aName, b, bName, s }) => ({
        first: { id: a, name: aName },
        second: { id: b, name: bName },
        similarity: s,
      }));
  }

  /**
   * Thresholds of identities that look like each other: a match has to be clearly nearer than the
   * two are to each other.
   *
   * @param base Threshold of everybody else.
   * @param risk Similarity from which two identities are told apart harder.
   * @returns By identity id, those that differ from `base`.
   */
  thresholds(base: number, risk: number): Map<string, number> {
    const raised = new Map<string, number>();
    for (const { first, second, similarity } of this.list(risk)) {
      const needed = Math.min(HIGHEST_THRESHOLD, similarity + CLEARANCE);
      for (const { id } of [first, second]) {
        if (needed > (raised.get(id) ?? base)) raised.set(id, needed);
      }
    }
    return raised;
  }

  #compare(identityId: string, vector: Template, index: GalleryIndex): void {
    const keep = this.db.prepare(
      `INSERT INTO look_alikes (family, identity_id, other_id, similarity) 
       SELECT ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM identities WHERE id = ?)
       ON CONFLICT DO UPDATE SET similarity = max(similarity, excluded.similarity)`,
    );
    for (const { identity, similarity } of index.search(vector, NEIGHBOURS)) {
      if (identity.id === identityId || similarity < FLOOR) continue;
      const [low, high] = [identityId, identity.id].sort();
      keep.run(this.family, low, high, similarity, identity.id);
    }
  }
}
