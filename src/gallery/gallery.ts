import type { Database } from 'better-sqlite3';
import type { Config } from '../config/schema.js';
import type { Identity, Template } from '../domain/records.js';
import { vaultOf } from './blob-vault.js';
import { readCalibration } from './calibration.js';
import { type Candidate, GalleryIndex } from './gallery-index.js';
import { IdentityStore } from './identity-store.js';
import { LookAlikes } from './look-alikes.js';
import { type Anchor, labelOf } from './strangers.js';

export interface GalleryOptions {
  readonly db: Database;
  readonly config: Pick<Config, 'gallery' | 'recogniser'>;
  /** Recogniser family whose templates are compared. */
  readonly family: string;
  /** Cosine that the asked false-accept rate needs, as far as nobody calibrated the gallery. */
  readonly threshold: number;
  /** Told when look-alikes could not be written down: the next reload tries again. */
  readonly onProblem?: (error: unknown) => void;
}

/** Time that one call may spend on comparing new templates with all others. */
const COMPARE_MS = 100;
const ANCHOR_PREFIX = 'stranger:';

/**
 * The gallery in memory: who is searched, and how similar a probe has to be to each. Strangers that
 * are ignored, or were taken for somebody once, are searched as well: a probe that is nearer to one
 * of them is not the identity.
 */
export class Gallery {
  #options: GalleryOptions;
  readonly #store: IdentityStore;
  readonly #index = new GalleryIndex();
  readonly #lookAlikes: LookAlikes;
  readonly #anchors = new Map<string, Anchor>();
  #people = new Map<string, Identity>();
  #threshold: number;
  #raised = new Map<string, number>();
  #compared = true;
  #unreadable = 0;

  constructor(options: GalleryOptions) {
    this.#options = options;
    this.#store = new IdentityStore(options.db);
    this.#lookAlikes = new LookAlikes(options.db, options.family);
    this.#threshold = options.threshold;
    this.reload();
  }

  /** Templates that are searched. */
  get size(): number {
    return this.#index.size;
  }

  /** Faces that are not searched because they cannot be decrypted. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** Takes over other settings; what is searched stays. */
  reconfigure(config: GalleryOptions['config'], threshold: number): void {
    this.#options = { ...this.#options, config, threshold };
    this.reload();
  }

  /** An identity as the gallery has it now; undefined when it is gone. */
  find(identityId: string): Identity | undefined {
    return this.#people.get(identityId);
  }

  /** Takes over what changed in the database since the last call. */
  reload(): void {
    const wanted = this.#store.templateOwners(this.#options.family);
    const present = new Set(this.#index.templateIds);
    for (const id of present) if (!wanted.has(id)) this.#index.remove(id);
    const added = [...wanted.keys()].filter((id) => !present.has(id));
    if (present.size === 0) this.#index.load(this.#store.eachTemplate(this.#options.family));
    else for (const template of this.#store.templatesById(added)) this.#index.add(template);
    this.#unreadable = wanted.size - this.#index.size;
    const people = this.#store.list();
    this.#people = new Map(people.map(({ id, name }) => [id, { id, name }]));
    for (const identity of this.#people.values()) this.#index.rename(identity);
    this.#threshold = this.#generalThreshold();
    this.#compared = false;
    this.#loadAnchors();
    this.compareNew();
  }

  /** Goes on comparing new templates, if {@link reload} did not come to an end with them. */
  compareNew(): void {
    if (this.#compared) return;
    try {
      this.#compared = this.#lookAlikes.compareNew(this.#index, COMPARE_MS);
    } catch (error) {
      // A full disk is no reason not to recognise anybody.
      this.#compared = true;
      this.#options.onProblem?.(error);
    }
    const { riskSimilarity } = this.#options.config.gallery;
    this.#raised = this.#lookAlikes.thresholds(this.#threshold, riskSimilarity);
  }

  /** @returns The nearest identities and anchors, best first. */
  search(probe: Template, limit: number): Candidate[] {
    return this.#index.search(probe, limit);
  }

  /** Threshold that holds for an identity; the general one for nobody. */
  thresholdOf(identityId: string | null): number {
    const raised = identityId === null ? undefined : this.#raised.get(identityId);
    return raised ?? this.#threshold;
  }

  /** Why a candidate is no identity, or undefined when it is one. */
  anchorOf({ id }: Identity): Anchor | undefined {
    return this.#anchors.get(id);
  }

  /** What the user asks for, else what suits this gallery, else what was published. */
  #generalThreshold(): number {
    const { db, config, family, threshold } = this.#options;
    if (config.recogniser.threshold !== null) return config.recogniser.threshold;
    return readCalibration(db, family)?.threshold ?? threshold;
  }

  /** Their templates get numbers of their own each time: a stranger's shots change. */
  #loadAnchors(): void {
    this.#anchors.clear();
    const vault = vaultOf(this.#options.db);
    const shots = this.#options.db
      .prepare<[string], { id: string; number: number; anchor: Anchor; vector: Buffer }>(
        `SELECT s.id, s.number, s.anchor, t.vector
         FROM strangers s JOIN stranger_shots t ON t.stranger_id = s.id
         WHERE s.family = ? AND s.anchor IS NOT NULL`,
      )
      .all(this.#options.family);
    for (const [position, { id, number, anchor, vector: stored }] of shots.entries()) {
      const vector = vault.openVectorIfWhole(stored);
      // Strangers count it as well, and say so.
      if (vector === undefined) continue;
      const identity = { id: ANCHOR_PREFIX + id, name: labelOf(number) };
      this.#anchors.set(identity.id, anchor);
      this.#index.add({ id: `${ANCHOR_PREFIX}${position}`, identity, vector });
    }
  }
}
