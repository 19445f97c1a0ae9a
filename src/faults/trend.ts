/** A value at a moment. */
export interface Point {
  readonly atMs: number;
  readonly value: number;
}

/**
 * Slope by Theil and Sen: the median of the slopes between all pairs of points. A third of the
 * points may be anything without moving it far.
 *
 * @returns Value per millisecond; 0 for fewer than two points.
 */
export function robustSlope(points: readonly Point[]): number {
  const slopes = points.flatMap((from, index) =>
    points
      .slice(index + 1)
      .filter((to) => to.atMs !== from.atMs)
      .map((to) => (to.value - from.value) / (to.atMs - from.atMs)),
  );
  return slopes.length === 0 ? 0 : median(slopes);
}

/**
 * The least value of each window. What a garbage collector has not collected yet is no growth:
 * what it leaves is.
 */
export function floors(points: readonly Point[], windowMs: number): Point[] {
  const windows = new Map<number, Point>();
  for (const point of points) {
    const window = Math.floor(point.atMs / windowMs);
    const least = windows.get(window);
    if (least === undefined || point.value < least.value) windows.set(window, point);
  }
  return [...windows.values()];
}

/** @param values Not empty. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = (sorted.length - 1) / 2;
  const [below = 0, above = 0] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return (below + above) / 2;
}
