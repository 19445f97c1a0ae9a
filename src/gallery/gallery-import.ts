import type { Database } from 'better-sqlite3';
import { FaceEvalError } from '../domain/errors.js';
import type { Template } from '../domain/records.js';
import { storeError } from '../domain/store-error.js';
import { type ArchiveFiles, damaged } from './archive-file.js';
import {
  type ArchivedIdentity,
  type ArchivedTemplate,
  decodeVector,
  GALLERY_FILE,
  parseGallery,
} from './archive-format.js';
import { type BlobVault, vaultOf } from './blob-vault.js';
import { IdentityStore } from './identity-store.js';

export interface ImportOptions {
  /** Path of the archive, for messages. */
  readonly path: string;
  /** Adds the photos to somebody of the same name who is there, rather than refusing. */
  readonly merge: boolean;
  readonly nowMs: number;
  /** Ids of people who were forgotten: an archive from before does not bring them back. */
  readonly forgotten: ReadonlySet<string>;
}

/** What an import did. */
export interface ImportReport {
  readonly added: { readonly identities: number; readonly templates: number };
  /** What the gallery had already. */
  readonly present: { readonly identities: number; readonly templates: number };
  /** People whose time was over: they were left out. */
  readonly expired: readonly string[];
  /** People who were forgotten here: they were left out as well. */
  readonly forgotten: readonly string[];
}

/** A template of an archive, checked. */
interface ReadyTemplate extends ArchivedTemplate {
  readonly values: Template;
  readonly image: Uint8Array | null;
}

interface ReadyIdentity extends Omit<ArchivedIdentity, 'templates'> {
  readonly templates: readonly ReadyTemplate[];
}

const MAX_CROP_BYTES = 262_144;
const JPEG_START = [0xff, 0xd8, 0xff];

/**
 * Adds the people of an archive to the gallery, all or nothing. Ids stay as they are, so that a
 * second import of one archive changes nothing. Nobody who is there is renamed or replaced.
 *
 * @param files What {@link readArchive} gave: every file is the one that was exported.
 * @throws FaceEvalError ENROLMENT when the content is not sound, USAGE when a name is taken, STORE.
 */
export function importGallery(
  db: Database,
  files: ArchiveFiles,
  options: ImportOptions,
): ImportReport {
  const people = readPeople(files, options.path);
  try {
    return db.transaction(() => new Import(db, options).run(people)).immediate();
  } catch (error) {
    throw storeError('the archive cannot be imported', error);
  }
}

/** Checks everything before anything is written. */
function readPeople(files: ArchiveFiles, path: string): ReadyIdentity[] {
  const text = files.get(GALLERY_FILE);
  if (text === undefined) throw damaged(path, `it has no ${GALLERY_FILE}`);
  const document = parseGallery(Buffer.from(text).toString('utf8'));
  if (typeof document === 'string') throw damaged(path, document);
  const seen = new Set<string>();
  const once = (id: string): void => {
    if (seen.has(id)) throw damaged(path, `${id} is in it twice`);
    seen.add(id);
  };
  return document.identities.map((person) => {
    once(person.id);
    const templates = person.templates.map((template) => {
      once(template.id);
      const where = `template ${template.id} of ${person.name}`;
      const values = decodeVector(template.vector);
      if (typeof values === 'string') throw damaged(path, `${where} has ${values}`);
      const image = template.crop === undefined ? null : files.get(template.crop);
      if (image === undefined) throw damaged(path, `${where}: ${template.crop} is missing`);
      if (image !== null && !isJpeg(image)) throw damaged(path, `${where}: no JPEG`);
      return { ...template, values, image };
    });
    return { ...person, templates };
  });
}

function isJpeg(image: Uint8Array): boolean {
  return image.byteLength <= MAX_CROP_BYTES && JPEG_START.every((byte, at) => image[at] === byte);
}

/** One import, inside its transaction. */
class Import {
  readonly #store: IdentityStore;
  readonly #vault: BlobVault;
  readonly #added = { identities: 0, templates: 0 };
  readonly #present = { identities: 0, templates: 0 };
  readonly #expired: string[] = [];
  readonly #forgotten: string[] = [];

  constructor(
    private readonly db: Database,
    private readonly options: ImportOptions,
  ) {
    this.#store = new IdentityStore(db);
    this.#vault = vaultOf(db);
  }

  run(people: readonly ReadyIdentity[]): ImportReport {
    const current = people.filter((person) => this.#isWanted(person));
    this.#refuseTakenNames(current);
    for (const person of current) {
      const id = this.#identityFor(person);
      this.#addConsent(id, person);
      for (const template of person.templates) this.#addTemplate(id, template);
    }
    return {
      added: this.#added,
      present: this.#present,
      expired: this.#expired,
      forgotten: this.#forgotten,
    };
  }

  #isWanted({ id, name, expiresAt }: ReadyIdentity): boolean {
    const forgotten = this.options.forgotten.has(id);
    const expired = expiresAt !== undefined && Date.parse(expiresAt) <= this.options.nowMs;
    if (forgotten) this.#forgotten.push(name);
    else if (expired) this.#expired.push(name);
    return !forgotten && !expired;
  }

  /** Two people of one name are two people until somebody says that they are one. */
  #refuseTakenNames(people: readonly ReadyIdentity[]): void {
    if (this.options.merge) return;
    const taken = people
      .filter(({ id, name }) => {
        const other = this.#store.find(name);
        return other !== undefined && other.id !== id && this.#store.find(id) === undefined;
      })
      .map(({ name }) => name);
    if (taken.length === 0) return;
    throw new FaceEvalError(
      'USAGE',
      `these names are in the gallery already: ${taken.join(', ')}`,
      {
        hint: 'import with --merge if they are the same people; else rename one of the two first',
      },
    );
  }

  #identityFor({ id, name, createdAt }: ReadyIdentity): string {
    const present = this.#store.find(id) ?? this.#store.find(name);
    if (present !== undefined) {
      // Names of the gallery were looked at before: this one came with the archive itself.
      if (present.id !== id && !this.options.merge) {
        throw damaged(this.options.path, `"${name}" is in it twice`);
      }
      this.#present.identities++;
      return present.id;
    }
    const made = this.#store.ensure(name);
    this.db
      .prepare('UPDATE identities SET id = ?, created_at_ms = ? WHERE id = ?')
      .run(id, Date.parse(createdAt), made.id);
    this.#added.identities++;
    return id;
  }

  /** What was agreed to here counts; an archive only fills what is not known. */
  #addConsent(id: string, { consentNote, expiresAt }: ReadyIdentity): void {
    this.db
      .prepare(
        `UPDATE identities SET consent_note = coalesce(consent_note, ?),
           expires_at_ms = coalesce(expires_at_ms, ?) WHERE id = ?`,
      )
      .run(consentNote ?? null, expiresAt === undefined ? null : Date.parse(expiresAt), id);
  }

  #addTemplate(identityId: string, template: ReadyTemplate): void {
    const { id, family, build, values, quality, image, source, createdAt } = template;
    this.#requireLength(family, values.length);
    const { changes } = this.db
      .prepare(
        `INSERT INTO templates
           (id, identity_id, family, build, vector, quality, crop, source, created_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      )
      .run(
        ...[id, identityId, family, build, this.#vault.sealVector(values), quality],
        ...[image === null ? null : this.#vault.seal(image), source],
        Date.parse(createdAt),
      );
    if (changes === 1) this.#added.templates++;
    else this.#present.templates++;
  }

  /** Templates of one family are compared with each other: they must have one length. */
  #requireLength(family: string, length: number): void {
    const row = this.db
      .prepare<[string], { vector: Buffer }>(
        'SELECT vector FROM templates WHERE family = ? LIMIT 1',
      )
      .get(family);
    const present =
      row === undefined ? length : (this.#vault.openVectorIfWhole(row.vector)?.length ?? length);
    if (present === length) return;
    const reason = `vectors of ${family} have ${length} values, ${present} in the gallery`;
    throw damaged(this.options.path, reason);
  }
}
