import type { Database } from 'better-sqlite3';
import { ulid } from 'ulid';
import { FaceEvalError } from '../domain/errors.js';
import type { Identity, Template } from '../domain/records.js';
import { type BlobVault, vaultOf } from './blob-vault.js';

/** A template as the gallery keeps it. */
export interface StoredTemplate {
  readonly id: string;
  readonly identity: Identity;
  readonly vector: Template;
  readonly quality: number;
}

/** What is known of a template when it is enrolled. */
export interface NewTemplate {
  readonly family: string;
  readonly build: string;
  readonly vector: Template;
  readonly quality: number;
  /** Aligned face as JPEG, kept so that another model needs no new photo. */
  readonly crop?: Uint8Array | undefined;
  /** Where it came from: a file name, `camera` or `hit`. */
  readonly source: string;
}

/** An identity with what the gallery holds of it. */
export interface IdentitySummary extends Identity {
  /** Faces that were enrolled, however many recognisers know them. */
  readonly templates: number;
  readonly createdAtMs: number;
  /** What the person agreed to, in the words of who enrolled them. */
  readonly consentNote: string | null;
  /** When the person is to be forgotten. */
  readonly expiresAtMs: number | null;
}

/** What is known of a person's consent. */
export interface Consent {
  readonly note?: string | undefined;
  /** null for never. */
  readonly expiresAtMs?: number | null | undefined;
}

const MAX_NAME_LENGTH = 100;
/** Source of a template that was made of the crop of another one: this and its id. */
export const MADE_FROM = 'template:';

const SELECT_TEMPLATES = `SELECT t.id, t.vector, t.quality, i.id AS identityId, i.name
  FROM templates t JOIN identities i ON i.id = t.identity_id`;

/** Identities and their templates, in SQLite. */
export class IdentityStore {
  readonly #vault: BlobVault;

  constructor(private readonly db: Database) {
    this.#vault = vaultOf(db);
  }

  list(): IdentitySummary[] {
    return this.db
      .prepare<[], IdentitySummary>(
        `SELECT i.id, i.name, i.created_at_ms AS createdAtMs,
                COUNT(t.id) FILTER (WHERE t.source NOT LIKE '${MADE_FROM}%') AS templates,
                i.consent_note AS consentNote, i.expires_at_ms AS expiresAtMs
         FROM identities i LEFT JOIN templates t ON t.identity_id = i.id
         GROUP BY i.id ORDER BY i.name_key`,
      )
      .all();
  }

  /** Finds by name, in any case, or by id. */
  find(nameOrId: string): Identity | undefined {
    return this.db
      .prepare<[string, string], Identity>(
        'SELECT id, name FROM identities WHERE name_key = ? OR id = ?',
      )
      .get(keyOf(nameOrId), nameOrId);
  }

  /**
   * @throws FaceEvalError USAGE that lists who is there when nobody has the name.
   */
  require(nameOrId: string): Identity {
    const identity = this.find(nameOrId);
    if (identity !== undefined) return identity;
    const names = this.list().map(({ name }) => name);
    throw new FaceEvalError('USAGE', `nobody in the gallery is called "${nameOrId}"`, {
      hint:
        names.length === 0 ? 'the gallery is empty' : `it has: ${names.slice(0, 20).join(', ')}`,
    });
  }

  /** The identity of this name, made when there is none. */
  ensure(name: string): Identity {
    const clean = cleanName(name);
    const known = this.find(clean);
    if (known !== undefined) return known;
    const identity = { id: ulid(), name: clean };
    this.db
      .prepare('INSERT INTO identities (id, name, name_key, created_at_ms) VALUES (?, ?, ?, ?)')
      .run(identity.id, clean, keyOf(clean), Date.now());
    return identity;
  }

  /** @throws FaceEvalError USAGE when the name is taken or empty. */
  rename(nameOrId: string, name: string): Identity {
    const { id } = this.require(nameOrId);
    const clean = cleanName(name);
    const other = this.find(clean);
    if (other !== undefined && other.id !== id) {
      throw new FaceEvalError('USAGE', `"${other.name}" is somebody else already`, {
        hint: 'choose another name, or remove one of the two',
      });
    }
    this.db
      .prepare('UPDATE identities SET name = ?, name_key = ? WHERE id = ?')
      .run(clean, keyOf(clean), id);
    return { id, name: clean };
  }

  /** Keeps what a person agreed to; what is not given stays as it was. */
  setConsent(identityId: string, { note, expiresAtMs }: Consent): void {
    this.db
      .prepare(
        `UPDATE identities SET consent_note = coalesce(?, consent_note),
           expires_at_ms = iif(?, ?, expires_at_ms) WHERE id = ?`,
      )
      .run(note ?? null, expiresAtMs === undefined ? 0 : 1, expiresAtMs ?? null, identityId);
  }

  /** People whose time is over. */
  expired(nowMs: number): Identity[] {
    return this.db
      .prepare<[number], Identity>('SELECT id, name FROM identities WHERE expires_at_ms <= ?')
      .all(nowMs);
  }

  /** Removes an identity with all its templates and crops. */
  remove(nameOrId: string): Identity {
    const identity = this.require(nameOrId);
    this.db.prepare('DELETE FROM identities WHERE id = ?').run(identity.id);
    return identity;
  }

  addTemplate(identityId: string, template: NewTemplate): string {
    const id = ulid();
    const { family, build, vector, quality, crop, source } = template;
    this.db
      .prepare(
        `INSERT INTO templates
           (id, identity_id, family, build, vector, quality, crop, source, created_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        id,
        identityId,
        family,
        build,
        this.#vault.sealVector(vector),
        quality,
        crop === undefined ? null : this.#vault.seal(crop),
        source,
        Date.now(),
      );
    return id;
  }

  /**
   * Removes a template with all that other recognisers made of the same face; how alike its
   * identity is to others is found out anew.
   */
  removeTemplate(id: string): void {
    this.db.transaction(() => {
      const row = this.db
        .prepare<[string], { owner: string; source: string }>(
          'SELECT identity_id AS owner, source FROM templates WHERE id = ?',
        )
        .get(id);
      if (row === undefined) return;
      const { owner, source } = row;
      const original = source.startsWith(MADE_FROM) ? source.slice(MADE_FROM.length) : id;
      this.db
        .prepare('DELETE FROM templates WHERE identity_id = ? AND (id IN (?, ?) OR source = ?)')
        .run(owner, id, original, MADE_FROM + original);
      this.db
        .prepare('DELETE FROM look_alikes WHERE identity_id = ? OR other_id = ?')
        .run(owner, owner);
      this.db.prepare('UPDATE templates SET compared = 0 WHERE identity_id = ?').run(owner);
    })();
  }

  /**
   * Templates of a family, of one identity or of all. One that cannot be decrypted is left out: it
   * is no reason to do without all others, and the daemon says how many there are.
   */
  templates(family: string, identityId?: string): StoredTemplate[] {
    return [...this.eachTemplate(family, identityId)];
  }

  /** As {@link templates}, one by one; nothing may be written while they are read. */
  *eachTemplate(family: string, identityId?: string): Generator<StoredTemplate> {
    const rows = this.db
      .prepare<[string, string | null, string | null], TemplateRow>(
        `${SELECT_TEMPLATES} WHERE t.family = ? AND (? IS NULL OR i.id = ?)`,
      )
      .iterate(family, identityId ?? null, identityId ?? null);
    for (const row of rows) yield* templateOf(row, this.#vault);
  }

  /** Ids of a family's templates and whose they are. */
  templateOwners(family: string): Map<string, string> {
    const rows = this.db
      .prepare<[string], { id: string; owner: string }>(
        'SELECT id, identity_id AS owner FROM templates WHERE family = ?',
      )
      .all(family);
    return new Map(rows.map(({ id, owner }) => [id, owner]));
  }

  /** The templates of these ids, as {@link templates}. */
  templatesById(ids: readonly string[]): StoredTemplate[] {
    return this.db
      .prepare<[string], TemplateRow>(
        `${SELECT_TEMPLATES} WHERE t.id IN (SELECT value FROM json_each(?))`,
      )
      .all(JSON.stringify(ids))
      .flatMap((row) => templateOf(row, this.#vault));
  }
}

interface TemplateRow {
  readonly id: string;
  readonly vector: Buffer;
  readonly quality: number;
  readonly identityId: string;
  readonly name: string;
}

/** None, if it cannot be decrypted. */
function templateOf(row: TemplateRow, vault: BlobVault): StoredTemplate[] {
  const { id, identityId, name, quality } = row;
  const vector = vault.openVectorIfWhole(row.vector);
  return vector === undefined ? [] : [{ id, identity: { id: identityId, name }, vector, quality }];
}

function keyOf(name: string): string {
  return name.normalize('NFKC').trim().toLocaleLowerCase('und');
}

function cleanName(name: string): string {
  const clean = name.normalize('NFC').trim().replaceAll(/\s+/g, ' ');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (clean === '' || clean.length > MAX_NAME_LENGTH || /[\u0000-\u001f]/.test(clean)) {
    throw new FaceEvalError('USAGE', `"${name}" is no name`, {
      hint: `a name has 1 to ${MAX_NAME_LENGTH} characters`,
    });
  }
  return clean;
}
