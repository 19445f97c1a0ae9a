import type { Identity } from '../domain/records.js';
import type { StoredTemplate } from './identity-store.js';
import { SimilarityHistogram } from './similarity-histogram.js';
import { TemplateMatrix } from './template-matrix.js';

/** Two people of the gallery and the highest similarity of their templates. */
export interface NearPair {
  readonly first: Identity;
  readonly second: Identity;
  readonly similarity: number;
}

/** How alike the templates of a gallery are. */
export interface GalleryDistances {
  readonly identities: number;
  readonly templates: number;
  /** Similarities of templates of different people. */
  readonly impostors: SimilarityHistogram;
  /** For each template with brothers: its similarity to the nearest of them. */
  readonly genuine: SimilarityHistogram;
  /** Pairs left out of `impostors`: relatives or one person enrolled twice. */
  readonly twins: readonly NearPair[];
}

/** Templates that are compared with all others, at most: 5,000 × 100,000 take a minute. */
const MAX_PROBES = 5_000;
/** Pairs of twins that are believed in a gallery of any size, and for each person of a large one. */
const FEW_TWINS = 3;
const MOST_TWINS = 0.1;

/** Comparisons of two people that are as high as those of twins. */
interface Suspects {
  readonly similarities: number[];
  highest: number;
}

/**
 * Compares the templates of a gallery with each other. Beyond 5,000 templates, every n-th is
 * compared with all; every pair counts once.
 *
 * Two people are left out of the impostors when most of their comparisons reach `twinSimilarity`:
 * they have thresholds of their own, and would stand for a population of twins.
 */
export function measureDistances(
  templates: readonly StoredTemplate[],
  twinSimilarity: number,
  onProgress: (done: number, count: number) => void = () => {},
): GalleryDistances {
  const [first] = templates;
  const impostors = new SimilarityHistogram();
  const genuine = new SimilarityHistogram();
  const people = numberPeople(templates);
  if (first === undefined) return { ...count(people), impostors, genuine, twins: [] };
  const matrix = new TemplateMatrix(first.vector.length);
  for (const { vector } of templates) matrix.append(vector);
  const { owners } = people;
  const step = Math.ceil(templates.length / MAX_PROBES);
  const suspects = new Map<string, Suspects>();
  for (let probe = 0; probe < templates.length; probe += step) {
    const owner = owners[probe] as number;
    let nearestBrother = Number.NEGATIVE_INFINITY;
    matrix.scan((templates[probe] as StoredTemplate).vector, (similarities, start) => {
      for (let i = 0; i < similarities.length; i++) {
        const row = start + i;
        const similarity = similarities[i] as number;
        if (owners[row] === owner) {
          if (row !== probe && similarity > nearestBrother) nearestBrother = similarity;
          continue;
        }
        // The pair was counted when the other one was the probe.
        if (row < probe && row % step === 0) continue;
        impostors.add(similarity);
        if (similarity < twinSimilarity) continue;
        suspect(suspects, owner, owners[row] as number, similarity);
      }
    });
    if (nearestBrother > Number.NEGATIVE_INFINITY) genuine.add(nearestBrother);
    onProgress(Math.min(probe + step, templates.length), templates.length);
  }
  const twins = leaveOutTwins(suspects, people, step, impostors);
  return { ...count(people), impostors, genuine, twins };
}

interface People {
  readonly identities: readonly Identity[];
  /** Number of the identity of each template. */
  readonly owners: Int32Array;
  /** Templates of each identity. */
  readonly sizes: readonly number[];
}

function numberPeople(templates: readonly StoredTemplate[]): People {
  const numbers = new Map<string, number>();
  const identities: Identity[] = [];
  const sizes: number[] = [];
  const owners = Int32Array.from(templates, ({ identity }) => {
    const number = numbers.get(identity.id) ?? identities.length;
    if (number === identities.length) {
      numbers.set(identity.id, number);
      identities.push(identity);
    }
    sizes[number] = (sizes[number] ?? 0) + 1;
    return number;
  });
  return { identities, owners, sizes };
}

function count({ identities, owners }: People) {
  return { identities: identities.length, templates: owners.length };
}

function suspect(suspects: Map<string, Suspects>, a: number, b: number, similarity: number): void {
  const key = a < b ? `${a} ${b}` : `${b} ${a}`;
  const pair = suspects.get(key) ?? { similarities: [], highest: similarity };
  pair.similarities.push(similarity);
  pair.highest = Math.max(pair.highest, similarity);
  suspects.set(key, pair);
}

function leaveOutTwins(
  suspects: ReadonlyMap<string, Suspects>,
  { identities, sizes }: People,
  step: number,
  impostors: SimilarityHistogram,
): NearPair[] {
  const found: (NearPair & Suspects)[] = [];
  for (const [key, { similarities, highest }] of suspects) {
    const [a, b] = key.split(' ').map(Number) as [number, number];
    // With every n-th template as a probe, about a share 2/n of the comparisons is made.
    const made = (sizes[a] as number) * (sizes[b] as number) * Math.min(1, 2 / step);
    if (similarities.length < made / 2) continue;
    const [first, second] = [identities[a] as Identity, identities[b] as Identity];
    found.push({ first, second, similarity: highest, similarities, highest });
  }
  // So many are no relatives: these faces are hard to tell apart, which the threshold has to know.
  if (found.length > Math.max(FEW_TWINS, identities.length * MOST_TWINS)) return [];
  for (const { similarities } of found) {
    for (const similarity of similarities) impostors.remove(similarity);
  }
  return found
    .map(({ first, second, similarity }) => ({ first, second, similarity }))
    .sort((a, b) => b.similarity - a.similarity);
}
