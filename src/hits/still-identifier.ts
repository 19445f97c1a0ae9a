import type { Config } from '../config/schema.js';
import type { Template, Verdict } from '../domain/records.js';
import { GalleryIndex } from '../gallery/gallery-index.js';
import type { StoredTemplate } from '../gallery/identity-store.js';
import { raiseThresholds } from '../gallery/pair-thresholds.js';
import { judge } from './verdict.js';

/** Candidates that a verdict looks at. */
const CANDIDATES = 3;

/** Says who is on a still image: all the evidence there will be, so one good face decides. */
export class StillIdentifier {
  readonly #index = new GalleryIndex();
  readonly #raised: ReadonlyMap<string, number>;

  /**
   * @param templates The gallery, of one recogniser family.
   * @param threshold Cosine that the asked false-accept rate needs.
   */
  constructor(
    templates: readonly StoredTemplate[],
    private readonly threshold: number,
    private readonly config: Pick<Config, 'gallery' | 'hits'>,
  ) {
    this.#index.load(templates);
    this.#raised = raiseThresholds(templates, threshold, config.gallery);
  }

  identify(template: Template): Verdict {
    const { hits } = this.config;
    return judge(
      {
        candidates: this.#index.search(template, CANDIDATES),
        shots: hits.unknownShots,
        before: null,
      },
      (id) => (id === null ? undefined : this.#raised.get(id)) ?? this.threshold,
      { ...hits, shots: 1 },
    );
  }
}
