import type { Config } from '../config/schema.js';
import type { RequestHandlers } from '../control/answer.js';
import type { Command, RequestOf } from '../control/request-schemas.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { personDetails, removeTemplateOf } from '../gallery/person-details.js';
import { StrangerAdmin } from '../gallery/stranger-admin.js';
import { Corrections } from '../hits/corrections.js';
import { listHits } from '../hits/hit-list.js';
import { findHit } from '../hits/hit-lookup.js';
import { purgeBefore } from '../hits/purge.js';
import { Backups } from './backups.js';
import type { Database } from './database.js';
import { forgetPerson } from './forget.js';
import { backUpGallery, restoreGallery } from './gallery-backup.js';

/** Requests that need nothing but the database: they are answered with and without a daemon. */
export type GalleryCommand = Exclude<
  Command,
  'enroll' | 'identify' | 'pause' | 'resume' | 'reload' | 'status'
>;

/** What the requests work with. */
export interface GalleryRequestOptions {
  readonly db: Database;
  /** Read anew for each request: it may have been reloaded. */
  readonly config: () => Pick<Config, 'stateDir' | 'gallery'>;
  /** Cosine from which two templates are of one person. */
  readonly threshold: () => number;
  /** Whoever keeps the gallery in memory should read it anew. */
  readonly galleryChanged: () => void;
}

/** What is done about people, strangers, hits and backups. */
export function galleryRequests(options: GalleryRequestOptions) {
  return {
    ...personRequests(options),
    ...strangerRequests(options),
    ...hitRequests(options),
    ...backupRequests(options),
  } satisfies RequestHandlers<GalleryCommand>;
}

/** What comes back for each request. */
export type GalleryAnswers = {
  readonly [C in GalleryCommand]: Awaited<ReturnType<ReturnType<typeof galleryRequests>[C]>>;
};

type PersonCommand =
  | 'people'
  | 'person'
  | 'rename'
  | 'consent'
  | 'remove-person'
  | 'remove-template'
  | 'forget';

function personRequests({ db, config, threshold, galleryChanged }: GalleryRequestOptions) {
  const store = new IdentityStore(db);
  return {
    people: async () => store.list(),
    person: async ({ person }) => personDetails(db, person),
    rename: async ({ person, name }) => {
      const identity = store.rename(person, name);
      galleryChanged();
      return identity;
    },
    consent: async ({ person, ...consent }) => {
      const { id } = store.require(person);
      keepConsent(store, id, consent);
      return personDetails(db, id);
    },
    'remove-person': async ({ person }) => {
      const identity = store.remove(person);
      galleryChanged();
      return identity;
    },
    'remove-template': async ({ person, template }) => {
      const left = removeTemplateOf(db, person, template);
      galleryChanged();
      return left;
    },
    forget: ({ person }) =>
      forgetPerson(store.require(person), {
        ...{ db, stateDir: config().stateDir, threshold: threshold() },
        onErased: galleryChanged,
      }),
  } satisfies RequestHandlers<PersonCommand>;
}

type StrangerCommand =
  | 'strangers'
  | 'stranger'
  | 'name-stranger'
  | 'merge-strangers'
  | 'ignore-stranger'
  | 'remove-stranger';

function strangerRequests({ db, config, galleryChanged }: GalleryRequestOptions) {
  const admin = () => new StrangerAdmin(db, config().gallery);
  const changed = <T>(result: T): T => {
    galleryChanged();
    return result;
  };
  return {
    strangers: async () => admin().list(),
    stranger: async ({ stranger }) => {
      const { id, label } = admin().find(stranger);
      const crop = admin().crop(id);
      return { id, label, cropJpeg: crop === undefined ? null : base64Of(crop) };
    },
    'name-stranger': async ({ stranger, name }) => changed(admin().name(stranger, name)),
    'merge-strangers': async ({ stranger, into }) => changed(admin().merge(stranger, into)),
    'ignore-stranger': async ({ stranger, on }) => changed(admin().ignore(stranger, on)),
    'remove-stranger': async ({ stranger }) => changed(admin().remove(stranger)),
  } satisfies RequestHandlers<StrangerCommand>;
}

type HitCommand = 'hits' | 'hit' | 'correct-hit' | 'purge';

function hitRequests({ db, config, galleryChanged }: GalleryRequestOptions) {
  return {
    hits: async ({ limit, camera, person, since }) =>
      listHits(db, {
        ...{ limit, camera },
        identityId: person === undefined ? undefined : new IdentityStore(db).require(person).id,
        sinceMs: since === undefined ? undefined : Date.parse(since),
      }),
    hit: async ({ hit: id }) => {
      const { hit, identityId, strangerId, correction, evidence } = findHit(db, id);
      const identity = identityId === null ? null : new IdentityStore(db).find(identityId);
      const strangers = new StrangerAdmin(db, config().gallery).list();
      const known = evidence !== null || strangers.some((stranger) => stranger.id === strangerId);
      return { hit, identity: identity ?? null, strangerId, correction, evidence: known };
    },
    'correct-hit': async ({ hit, is }) => {
      const corrections = new Corrections(db, config().gallery);
      const correction = is === undefined ? corrections.reject(hit) : corrections.assign(hit, is);
      galleryChanged();
      return correction;
    },
    purge: async ({ before }) => {
      const purged = await purgeBefore(db, Date.parse(before));
      // Copies from before a migration hold hits; those of the gallery do not.
      const copies = new Backups(config().stateDir).removeBefore(
        Number.POSITIVE_INFINITY,
        'before-',
      );
      galleryChanged();
      return { ...purged, copies };
    },
  } satisfies RequestHandlers<HitCommand>;
}

type BackupCommand = 'backups' | 'back-up' | 'restore';

function backupRequests({ db, config, galleryChanged }: GalleryRequestOptions) {
  return {
    backups: async () => new Backups(config().stateDir).list(),
    'back-up': () => backUpGallery(db, config().stateDir, 'manual'),
    restore: async ({ backup }) => {
      const { stateDir } = config();
      const { name } = new Backups(stateDir).require(backup);
      const people = new IdentityStore(db).list().length;
      // What is replaced can be had back; of nobody there is nothing to keep.
      const replaced = people === 0 ? null : await backUpGallery(db, stateDir, 'replaced');
      const restored = restoreGallery(db, stateDir, name);
      galleryChanged();
      return { restored, replaced, people: new IdentityStore(db).list().length };
    },
  } satisfies RequestHandlers<BackupCommand>;
}

const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Makes a person of what the database has of a face already: a hit or a stranger. */
export function enrolFromEvidence(
  { db, config, galleryChanged }: GalleryRequestOptions,
  request: RequestOf<'enroll'>,
) {
  const { name, hit, stranger, note, expiresAt } = request;
  const { gallery } = config();
  const made =
    hit === undefined
      ? namedStranger(new StrangerAdmin(db, gallery), stranger ?? '', name)
      : assigned(new Corrections(db, gallery), hit, name);
  keepConsent(new IdentityStore(db), made.identity.id, { note, expiresAt });
  galleryChanged();
  return made;
}

function namedStranger(admin: StrangerAdmin, stranger: string, name: string) {
  const { identity, templates, hits } = admin.name(stranger, name);
  return { kind: kindOf(templates), identity, templates, hits };
}

function assigned(corrections: Corrections, hit: string, name: string) {
  const { identity, added } = corrections.assign(hit, name);
  if (identity === null) throw new Error('a hit was assigned to nobody');
  return { kind: kindOf(added), identity, templates: added };
}

const kindOf = (templates: number) => (templates > 0 ? ('enrolled' as const) : 'unchanged');

/** Keeps what is given of consent and expiry; null ends the expiry. */
export function keepConsent(
  store: IdentityStore,
  identityId: string,
  { note, expiresAt }: Pick<RequestOf<'consent'>, 'note' | 'expiresAt'>,
): void {
  if (note === undefined && expiresAt === undefined) return;
  const expiresAtMs = typeof expiresAt === 'string' ? Date.parse(expiresAt) : expiresAt;
  store.setConsent(identityId, { note, expiresAtMs });
}
