import type { Database } from 'better-sqlite3';
import type { Identity } from '../domain/records.js';
import {
  type ArchivedIdentity,
  type ArchivedTemplate,
  archiveHead,
  CROPS_FOLDER,
  encodeVector,
  GALLERY_FILE,
  HITS_FILE,
  isoOf,
} from './archive-format.js';
import { type BlobVault, vaultOf } from './blob-vault.js';
import { fromCompact } from './compact-vector.js';

export interface ExportOptions {
  /** Only this person, with everything that is known of them: their hits as well. */
  readonly identity?: Identity | undefined;
  /** Version of the program, for the reader. */
  readonly program: string;
  readonly nowMs: number;
}

/** What an export holds. */
export interface GalleryExport {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly identities: number;
  readonly templates: number;
  readonly crops: number;
  readonly hits: number;
}

interface IdentityRow {
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly consentNote: string | null;
  readonly expiresAtMs: number | null;
}

interface TemplateRow {
  readonly id: string;
  readonly identityId: string;
  readonly family: string;
  readonly build: string;
  readonly vector: Buffer;
  readonly quality: number;
  readonly crop: Buffer | null;
  readonly source: string;
  readonly createdAtMs: number;
}

interface HitRow {
  readonly payload: string;
  readonly correction: string | null;
  readonly family: string | null;
  readonly evidence: Buffer | null;
}

/** Reads the gallery, or one person of it, as the files of an archive. */
export function exportGallery(db: Database, options: ExportOptions): GalleryExport {
  const { identity, program, nowMs } = options;
  const files = new Map<string, Uint8Array>();
  // One transaction: what the daemon writes meanwhile is in all of it or in none.
  const read = db.transaction(() => {
    const identities = readIdentities(db, identity?.id, files);
    const document = { ...archiveHead(program, nowMs), identities };
    files.set(GALLERY_FILE, Buffer.from(`${JSON.stringify(document, null, 1)}\n`));
    const hits = identity === undefined ? [] : readHits(db, identity.id);
    if (hits.length > 0) files.set(HITS_FILE, Buffer.from(`${hits.join('\n')}\n`));
    const crops = [...files.keys()].filter((path) => path.startsWith(`${CROPS_FOLDER}/`)).length;
    const templates = identities.reduce((sum, person) => sum + person.templates.length, 0);
    return { files, identities: identities.length, templates, crops, hits: hits.length };
  });
  return read();
}

function readIdentities(
  db: Database,
  only: string | undefined,
  files: Map<string, Uint8Array>,
): ArchivedIdentity[] {
  const people = db
    .prepare<[string | null, string | null], IdentityRow>(
      `SELECT id, name, created_at_ms AS createdAtMs, consent_note AS consentNote,
              expires_at_ms AS expiresAtMs
       FROM identities WHERE ? IS NULL OR id = ? ORDER BY id`,
    )
    .all(only ?? null, only ?? null);
  const templatesOf = db.prepare<[string], TemplateRow>(
    `SELECT id, identity_id AS identityId, family, build, vector, quality, crop, source,
            created_at_ms AS createdAtMs
     FROM templates WHERE identity_id = ? ORDER BY id`,
  );
  return people.map(({ id, name, createdAtMs, consentNote, expiresAtMs }) => ({
    id,
    name,
    createdAt: isoOf(createdAtMs),
    ...(consentNote !== null && { consentNote }),
    ...(expiresAtMs !== null && { expiresAt: isoOf(expiresAtMs) }),
    templates: templatesOf.all(id).map((row) => archive(row, vaultOf(db), files)),
  }));
}

function archive(
  row: TemplateRow,
  vault: BlobVault,
  files: Map<string, Uint8Array>,
): ArchivedTemplate {
  const { id, family, build, vector, quality, crop, source, createdAtMs } = row;
  const path = `${CROPS_FOLDER}/${id}.jpg`;
  if (crop !== null) files.set(path, vault.open(crop));
  return {
    ...{ id, family, build, quality, source },
    createdAt: isoOf(createdAtMs),
    vector: encodeVector(vault.openVector(vector)),
    ...(crop !== null && { crop: path }),
  };
}

/** Every hit about the person, with the template it was decided on. */
function readHits(db: Database, identityId: string): string[] {
  const vault = vaultOf(db);
  return db
    .prepare<[string], HitRow>(
      'SELECT payload, correction, family, evidence FROM hits WHERE identity_id = ? ORDER BY seq',
    )
    .all(identityId)
    .map(({ payload, correction, family, evidence }) =>
      JSON.stringify({
        hit: JSON.parse(payload) as unknown,
        ...(correction !== null && { correction }),
        ...(evidence !== null && {
          family,
          evidence: encodeVector(fromCompact(vault.open(evidence))),
        }),
      }),
    );
}
