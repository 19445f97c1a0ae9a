import type { Config } from '../config/schema.js';
import { GalleryIndex } from './gallery-index.js';
import type { StoredTemplate } from './identity-store.js';

/** How far above the similarity of two different people a match of either must be. */
const CLEARANCE = 0.1;

/**
 * Raises the threshold of identities that look like each other (relatives, twins): a match has to
 * be clearly nearer than the two are to each other.
 *
 * @returns Threshold by identity id, for those that differ from `base`.
 */
export function raiseThresholds(
  templates: readonly StoredTemplate[],
  base: number,
  config: Config['gallery'],
): Map<string, number> {
  const raised = new Map<string, number>();
  const index = new GalleryIndex();
  index.load(templates);
  for (const { identity, vector } of templates) {
    const other = index.search(vector, 2).find((c) => c.identity.id !== identity.id);
    if (other === undefined || other.similarity < config.riskSimilarity) continue;
    const needed = Math.min(0.95, other.similarity + CLEARANCE);
    for (const id of [identity.id, other.identity.id]) {
      if (needed > (raised.get(id) ?? base)) raised.set(id, needed);
    }
  }
  return raised;
}
