/**
 * Pair verification as LFW view 2 defines it: the threshold that is best on nine folds is tried on
 * the tenth, ten times over (Huang et al. 2007).
 */

/** Cosine similarity of each pair, and whether it shows one person. Folds are contiguous. */
export interface ScoredPairs {
  readonly similarities: Float64Array;
  readonly same: Uint8Array;
}

export interface FoldResult {
  /** Mean accuracy over the folds, 0..1. */
  readonly accuracy: number;
  /** Standard deviation over the folds. */
  readonly accuracyStd: number;
  /** Mean of the folds' thresholds, as cosine similarity. */
  readonly threshold: number;
}

/** Point of a receiver operating characteristic. */
export interface RocPoint {
  readonly threshold: number;
  readonly far: number;
  readonly tar: number;
}

/**
 * k-fold accuracy with contiguous folds of equal size.
 *
 * @throws RangeError when there are fewer pairs than folds.
 */
export function foldAccuracy(pairs: ScoredPairs, folds = 10): FoldResult {
  const count = pairs.similarities.length;
  if (count < folds) throw new RangeError(`${count} pairs cannot be split into ${folds} folds`);
  const accuracies: number[] = [];
  const thresholds: number[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const first = Math.floor((fold * count) / folds);
    const end = Math.floor(((fold + 1) * count) / folds);
    const threshold = bestThreshold(pairs, (index) => index < first || index >= end);
    let right = 0;
    for (let i = first; i < end; i++) {
      const said = (pairs.similarities[i] as number) >= threshold ? 1 : 0;
      if (said === pairs.same[i]) right++;
    }
    accuracies.push(right / (end - first));
    thresholds.push(threshold);
  }
  const accuracy = mean(accuracies);
  return {
    accuracy,
    accuracyStd: Math.sqrt(mean(accuracies.map((value) => (value - accuracy) ** 2))),
    threshold: mean(thresholds),
  };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Threshold with the highest accuracy over the chosen pairs, midway between two similarities. */
function bestThreshold(pairs: ScoredPairs, chosen: (index: number) => boolean): number {
  const order = sortBySimilarity(pairs).filter(chosen);
  let right = order.reduce((sum, index) => sum + (pairs.same[index] as number), 0);
  let best = right;
  let threshold = Number.NEGATIVE_INFINITY;
  for (const [position, index] of order.entries()) {
    right += pairs.same[index] === 1 ? -1 : 1;
    const here = pairs.similarities[index] as number;
    const next = order[position + 1];
    const above = next === undefined ? here : (pairs.similarities[next] as number);
    if (right > best && above !== here) {
      best = right;
      threshold = (here + above) / 2;
    }
  }
  return threshold;
}

/** Indices in ascending order of similarity. */
function sortBySimilarity(pairs: ScoredPairs): number[] {
  const { similarities } = pairs;
  return Array.from(similarities.keys()).sort(
    (i, j) => (similarities[i] as number) - (similarities[j] as number),
  );
}

/** The whole curve, from the strictest threshold to the loosest. */
export function rocCurve(pairs: ScoredPairs): RocPoint[] {
  const positives = pairs.same.reduce((sum, value) => sum + value, 0);
  const negatives = pairs.same.length - positives;
  const points: RocPoint[] = [];
  let accepted = 0;
  let falselyAccepted = 0;
  const order = sortBySimilarity(pairs).reverse();
  for (const [position, index] of order.entries()) {
    if (pairs.same[index] === 1) accepted++;
    else falselyAccepted++;
    const here = pairs.similarities[index] as number;
    const next = order[position + 1];
    // Pairs of one similarity stand or fall together.
    if (next !== undefined && pairs.similarities[next] === here) continue;
    points.push({
      threshold: here,
      far: falselyAccepted / Math.max(1, negatives),
      tar: accepted / Math.max(1, positives),
    });
  }
  return points;
}

/** Highest true-accept rate whose false-accept rate is at most `far`, and its threshold. */
export function tarAtFar(curve: readonly RocPoint[], far: number): RocPoint {
  let best: RocPoint = { threshold: 1, far: 0, tar: 0 };
  for (const point of curve) {
    if (point.far > far) break;
    best = point;
  }
  return best;
}

/** Rate at which false accepts and false rejects are equally frequent. */
export function equalErrorRate(curve: readonly RocPoint[]): number {
  let before: RocPoint = { threshold: 1, far: 0, tar: 0 };
  for (const point of curve) {
    if (point.far >= 1 - point.tar) {
      const gapBefore = 1 - before.tar - before.far;
      const gapHere = point.far - (1 - point.tar);
      const share = gapBefore + gapHere === 0 ? 0 : gapBefore / (gapBefore + gapHere);
      return before.far + (point.far - before.far) * share;
    }
    before = point;
  }
  return before.far;
}
