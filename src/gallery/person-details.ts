import type { Database } from 'better-sqlite3';
import { FaceEvalError } from '../domain/errors.js';
import { IdentityStore, type IdentitySummary } from './identity-store.js';

/** One template of a person, without its numbers. */
export interface TemplateSummary {
  readonly id: string;
  readonly family: string;
  readonly build: string;
  /** A file name, `mqtt`, `camera door`, `hit 01J…`, or the template that it was made from. */
  readonly source: string;
  readonly quality: number;
  readonly createdAtMs: number;
  /** Whether the aligned face is kept. */
  readonly crop: boolean;
}

/** All that the gallery says of one person. */
export interface PersonDetails extends IdentitySummary {
  readonly templateList: readonly TemplateSummary[];
  readonly hits: number;
  readonly lastHitAtMs: number | null;
}

/** @throws FaceEvalError USAGE when nobody has the name. */
export function personDetails(db: Database, person: string): PersonDetails {
  const store = new IdentityStore(db);
  const { id } = store.require(person);
  const summary = store.list().find((one) => one.id === id);
  if (summary === undefined) throw new Error(`the identity ${id} vanished`);
  const templateList = db
    .prepare<[string], Omit<TemplateSummary, 'crop'> & { readonly crop: number }>(
      `SELECT id, family, build, source, quality, created_at_ms AS createdAtMs,
              crop IS NOT NULL AS crop
       FROM templates WHERE identity_id = ? ORDER BY id`,
    )
    .all(id)
    .map((row) => ({ ...row, crop: row.crop === 1 }));
  const seen = db
    .prepare<[string], { hits: number; lastHitAtMs: number | null }>(
      `SELECT COUNT(*) AS hits, MAX(captured_at_ms) AS lastHitAtMs
       FROM hits WHERE identity_id = ?`,
    )
    .get(id);
  return {
    ...summary,
    templateList,
    hits: seen?.hits ?? 0,
    lastHitAtMs: seen?.lastHitAtMs ?? null,
  };
}

/** @throws FaceEvalError USAGE when the person has no such template. */
export function removeTemplateOf(db: Database, person: string, templateId: string): PersonDetails {
  const { templateList, name } = personDetails(db, person);
  if (!templateList.some(({ id }) => id === templateId)) {
    throw new FaceEvalError('USAGE', `${name} has no template ${templateId}`, {
      hint: `list them with \`faceeval identities show "${name}"\``,
    });
  }
  new IdentityStore(db).removeTemplate(templateId);
  return personDetails(db, person);
}
