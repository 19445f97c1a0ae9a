/**
 * Candidate boxes of a detector stage as parallel arrays: no object a candidate, so that a few
 * hundred of them cost no garbage.
 */
export class Candidates {
  /**
   * x1, y1, x2, y2 of each candidate, pixels of the picture. P-Net's windows lie on a grid, where
   * overlaps of exactly a half are common: in single precision chance would decide about them.
   */
  readonly corners: Float64Array;
  readonly scores: Float32Array;
  /** Regression x1, y1, x2, y2 of each candidate, in units of its width and height. */
  readonly offsets: Float32Array;
  count = 0;

  constructor(readonly capacity: number) {
    this.corners = new Float64Array(capacity * 4);
    this.scores = new Float32Array(capacity);
    this.offsets = new Float32Array(capacity * 4);
  }

  clear(): void {
    this.count = 0;
  }

  /** Copies candidate `index` of `from` to the end; false when there is no room. */
  append(from: Candidates, index: number): boolean {
    if (this.count === this.capacity) return false;
    const to = this.count++;
    this.corners.set(from.corners.subarray(index * 4, index * 4 + 4), to * 4);
    this.offsets.set(from.offsets.subarray(index * 4, index * 4 + 4), to * 4);
    this.scores[to] = from.scores[index] ?? 0;
    return true;
  }
}

/** How the overlap of two boxes is measured: over their union, or over the smaller one. */
export type OverlapMode = 'union' | 'minimum';

/**
 * Greedy non-maximum suppression.
 *
 * @param among Indices of the candidates to look at; all when absent.
 * @returns Indices of the kept candidates, best score first, at most `limit`.
 */
export function suppress(
  candidates: Candidates,
  overlap: number,
  mode: OverlapMode,
  limit: number,
  among?: readonly number[],
): number[] {
  const { corners, scores, count } = candidates;
  const order = among === undefined ? Array.from({ length: count }, (_, i) => i) : [...among];
  order.sort((i, j) => (scores[j] as number) - (scores[i] as number));
  const kept: number[] = [];
  for (const index of order) {
    if (kept.length === limit) break;
    if (!kept.some((other) => overlapsBy(corners, other, index, overlap, mode))) kept.push(index);
  }
  return kept;
}

/**
 * The largest candidates, where there are more than wanted: whoever is near matters more than the
 * crowd behind.
 *
 * @param kept Indices of candidates; their order stays.
 */
export function largest({ corners }: Candidates, kept: number[], limit: number): number[] {
  if (kept.length <= limit) return kept;
  const side = (i: number) => (corners[i * 4 + 2] as number) - (corners[i * 4] as number);
  const chosen = new Set(kept.toSorted((i, j) => side(j) - side(i)).slice(0, limit));
  return kept.filter((index) => chosen.has(index));
}

/** Whether the overlap of two boxes is larger than `limit`. */
function overlapsBy(
  corners: Float64Array,
  i: number,
  j: number,
  limit: number,
  mode: OverlapMode,
): boolean {
  const ax1 = corners[i * 4] as number;
  const ay1 = corners[i * 4 + 1] as number;
  const ax2 = corners[i * 4 + 2] as number;
  const ay2 = corners[i * 4 + 3] as number;
  const bx1 = corners[j * 4] as number;
  const by1 = corners[j * 4 + 1] as number;
  const bx2 = corners[j * 4 + 2] as number;
  const by2 = corners[j * 4 + 3] as number;
  const width = Math.min(ax2, bx2) - Math.max(ax1, bx1);
  const height = Math.min(ay2, by2) - Math.max(ay1, by1);
  if (width <= 0 || height <= 0) return false;
  const shared = width * height;
  const a = (ax2 - ax1) * (ay2 - ay1);
  const b = (bx2 - bx1) * (by2 - by1);
  return shared > limit * (mode === 'union' ? a + b - shared : Math.min(a, b));
}

/** Moves every corner by its regression, in place. */
export function calibrate(candidates: Candidates): void {
  const { corners, offsets, count } = candidates;
  for (let i = 0; i < count * 4; i += 4) {
    const x1 = corners[i] as number;
    const y1 = corners[i + 1] as number;
    const width = (corners[i + 2] as number) - x1;
    const height = (corners[i + 3] as number) - y1;
    corners[i] = x1 + (offsets[i] as number) * width;
    corners[i + 1] = y1 + (offsets[i + 1] as number) * height;
    corners[i + 2] = x1 + width + (offsets[i + 2] as number) * width;
    corners[i + 3] = y1 + height + (offsets[i + 3] as number) * height;
  }
}

/** Makes every box square around its centre by its longer side, in place. */
export function square(candidates: Candidates): void {
  const { corners, count } = candidates;
  for (let i = 0; i < count * 4; i += 4) {
    const x1 = corners[i] as number;
    const y1 = corners[i + 1] as number;
    const width = (corners[i + 2] as number) - x1;
    const height = (corners[i + 3] as number) - y1;
    const side = Math.max(width, height);
    corners[i] = x1 + (width - side) / 2;
    corners[i + 1] = y1 + (height - side) / 2;
    corners[i + 2] = x1 + (width + side) / 2;
    corners[i + 3] = y1 + (height + side) / 2;
  }
}
