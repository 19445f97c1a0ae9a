import { cosine } from '../gallery/cosine.js';

/** Rounds in which the centre moves to where the nearer half of the templates is. */
const ROUNDS = 4;
/** Most templates that are tried as a beginning, spread over all. */
const MAX_BEGINNINGS = 64;

/** Where the templates of an identity gather. */
export interface IdentityCentre {
  /** Unit vector: mean of the templates that agree. */
  readonly vector: Float32Array;
  /** Sum of the templates that agree. */
  readonly sum: Float32Array;
  /** Places of the templates that agree with each other. */
  readonly agreeing: ReadonlySet<number>;
}

/**
 * Finds where most templates of an identity are, whatever the others are: least trimmed squares,
 * begun at the template whose nearer half is nearest. Wrong images do not pull the centre while
 * they are fewer than half.
 *
 * @param templates Unit vectors, one at least.
 * @param minCosine Least cosine to the centre of a template that agrees.
 */
export function findCentre(templates: readonly Float32Array[], minCosine: number): IdentityCentre {
  let centre = bestBeginning(templates);
  for (let round = 0; round < ROUNDS; round++) {
    centre = meanOf(nearerHalf(templates, centre).map(({ template }) => template));
  }
  const agreeing = new Set<number>();
  for (const [place, template] of templates.entries()) {
    if (cosine(centre, template) >= minCosine) agreeing.add(place);
  }
  const members = templates.filter((_, place) => agreeing.has(place));
  const sum = sumOf(members.length > 0 ? members : [centre]);
  return { vector: unitOf(sum, centre), sum, agreeing };
}

/**
 * Cosine of one template to the centre of the others that agree, so that it does not vouch for
 * itself.
 *
 * @returns Undefined when no other agrees.
 */
export function similarityToOthers(
  template: Float32Array,
  { sum, agreeing }: IdentityCentre,
  place: number,
): number | undefined {
  const vouches = agreeing.has(place);
  const others = agreeing.size - (vouches ? 1 : 0);
  if (others === 0) return undefined;
  // The sum without the template itself, by the law of cosines: nothing is added up again.
  const along = cosine(sum, template);
  const itself = vouches ? 1 : 0;
  const length = Math.sqrt(Math.max(1e-12, cosine(sum, sum) - 2 * itself * along + itself));
  return (along - itself) / length;
}

function bestBeginning(templates: readonly Float32Array[]): Float32Array {
  const step = Math.ceil(templates.length / MAX_BEGINNINGS);
  let best = templates[0] as Float32Array;
  let most = Number.NEGATIVE_INFINITY;
  for (let place = 0; place < templates.length; place += step) {
    const candidate = templates[place] as Float32Array;
    const nearness = nearerHalf(templates, candidate).reduce((sum, one) => sum + one.similarity, 0);
    if (nearness <= most) continue;
    most = nearness;
    best = candidate;
  }
  return best;
}

function nearerHalf(
  templates: readonly Float32Array[],
  centre: Float32Array,
): { template: Float32Array; similarity: number }[] {
  return templates
    .map((template) => ({ template, similarity: cosine(centre, template) }))
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, Math.ceil(templates.length / 2));
}

function meanOf(vectors: readonly Float32Array[]): Float32Array {
  return unitOf(sumOf(vectors), vectors[0] as Float32Array);
}

function sumOf(vectors: readonly Float32Array[]): Float32Array {
  const [first] = vectors;
  if (first === undefined) throw new RangeError('a centre needs a template');
  const sum = new Float32Array(first.length);
  for (const vector of vectors) {
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (vector[i] as number);
  }
  return sum;
}

/** Scaled to unit length; the fallback where vectors cancelled out. */
function unitOf(sum: Float32Array, fallback: Float32Array): Float32Array {
  const length = Math.sqrt(cosine(sum, sum));
  return length < 1e-6 ? fallback : sum.map((value) => value / length);
}
