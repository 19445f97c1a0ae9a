import type { Database } from 'better-sqlite3';
import type { Config } from '../config/schema.js';
import { FaceEvalError } from '../domain/errors.js';
import type { Hit, Identity, Template } from '../domain/records.js';
import { fromCompact } from '../gallery/compact-vector.js';
import { cosine } from '../gallery/cosine.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { StrangerAdmin } from '../gallery/stranger-admin.js';
import type { Stranger } from '../gallery/strangers.js';
import { findHit, type StoredHit } from './hit-lookup.js';

/** What came of a correction. */
export interface Correction {
  readonly hit: Hit;
  /** Whom the hit is about now; null when nobody knows. */
  readonly identity: Identity | null;
  /** Under which label the face is remembered, when it has no name. */
  readonly stranger?: Stranger;
  /** Templates that the gallery gained and lost by it. */
  readonly added: number;
  readonly removed: number;
}

/**
 * "That was wrong", and "that was right": what people say about hits, and what the gallery learns
 * from it. The message that was sent is not changed; the hit's row tells whom it is about.
 */
export class Corrections {
  readonly #identities: IdentityStore;
  readonly #strangers: StrangerAdmin;

  constructor(
    private readonly db: Database,
    private readonly config: Config['gallery'],
  ) {
    this.#identities = new IdentityStore(db);
    this.#strangers = new StrangerAdmin(db, config);
  }

  /**
   * Says who a hit is of. The face becomes a template of theirs, and is taken from whom it was
   * given before. A hit of a stranger names the stranger.
   *
   * @throws FaceEvalError USAGE when there is no such hit, or its evidence is gone.
   */
  assign(hitId: string, name: string): Correction {
    return this.db.transaction(() => {
      const found = findHit(this.db, hitId);
      const { strangerId, identityId, evidence } = found;
      const ofStranger = strangerId !== null && identityId === null;
      if (ofStranger && evidence === null) return this.#name(found, name);
      const { family, template } = evidenceOf(found);
      // It was rejected before: who looks like this is no longer somebody to be told apart.
      if (ofStranger) this.#strangers.discard(strangerId);
      const identity = this.#identities.ensure(name);
      const wrong = found.identityId !== identity.id;
      const removed = wrong ? this.#removeLearnt(found.hit.id) : 0;
      const added = this.#learn(found, identity, family, template);
      this.#mark(found, identity.id, null, wrong);
      return { hit: found.hit, identity, added, removed };
    })();
  }

  /**
   * Says that a hit is not of whom it names. Who looks like this is unknown from now on.
   *
   * @throws FaceEvalError USAGE when there is no such hit, it names nobody, or its evidence is gone.
   */
  reject(hitId: string): Correction {
    return this.db.transaction(() => {
      const found = findHit(this.db, hitId);
      if (found.identityId === null) {
        throw new FaceEvalError('USAGE', `the hit ${hitId} names nobody`, {
          hint: 'say who it was: faceeval hits wrong ID --is NAME',
        });
      }
      const { family, template } = evidenceOf(found);
      const { model, time } = found.hit;
      const removed = this.#removeLearnt(found.hit.id);
      const atMs = Date.parse(time);
      const stranger = this.#strangers.addCorrected(family, model, template, atMs);
      this.#mark(found, null, stranger.id, true);
      return { hit: found.hit, identity: null, stranger, added: 0, removed };
    })();
  }

  #name(found: StoredHit, name: string): Correction {
    const { identity, templates } = this.#strangers.name(found.strangerId ?? '', name);
    return { hit: found.hit, identity, added: templates, removed: 0 };
  }

  #learn(found: StoredHit, identity: Identity, family: string, template: Template): number {
    const own = this.#identities.templates(family, identity.id);
    const nearest = Math.max(-1, ...own.map(({ vector }) => cosine(vector, template)));
    if (nearest >= this.config.duplicateSimilarity || own.length >= this.config.maxTemplates) {
      return 0;
    }
    this.#identities.addTemplate(identity.id, {
      ...{ family, build: found.hit.model, vector: template, quality: found.hit.quality },
      source: sourceOf(found.hit.id),
    });
    return 1;
  }

  /** Templates that the gallery learnt from this hit when it was taken for right. */
  #removeLearnt(hitId: string): number {
    const learnt = this.db
      .prepare<[string], { id: string }>('SELECT id FROM templates WHERE source = ?')
      .all(sourceOf(hitId));
    for (const { id } of learnt) this.#identities.removeTemplate(id);
    return learnt.length;
  }

  #mark(
    { seq }: StoredHit,
    identityId: string | null,
    strangerId: string | null,
    wrong: boolean,
  ): void {
    this.db
      .prepare(
        `UPDATE hits SET identity_id = ?, stranger_id = ?, correction = coalesce(?, correction)
         WHERE seq = ?`,
      )
      .run(identityId, strangerId, wrong ? 'wrong' : null, seq);
  }
}

const sourceOf = (hitId: string): string => `hit ${hitId}`;

function evidenceOf({ hit, family, evidence }: StoredHit): { family: string; template: Template } {
  if (family !== null && evidence !== null) return { family, template: fromCompact(evidence) };
  throw new FaceEvalError('USAGE', `nothing is kept of the face of the hit ${hit.id}`, {
    hint: 'enrol the person from a photo instead',
  });
}
