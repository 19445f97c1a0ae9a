/** Quantiles of a row's run times, milliseconds. */
export interface Summary {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly minMs: number;
}

/**
 * Sums up run times by nearest rank: every figure is one that was measured.
 *
 * @param samplesMs At least one run.
 */
export function summarise(samplesMs: readonly number[]): Summary {
  const sorted = Float64Array.from(samplesMs).sort();
  const quantile = (share: number): number => {
    const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
    if (value === undefined) throw new RangeError('no runs were measured');
    return value;
  };
  return { p50Ms: quantile(0.5), p90Ms: quantile(0.9), p99Ms: quantile(0.99), minMs: quantile(0) };
}
