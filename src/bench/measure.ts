import { setTimeout } from 'node:timers/promises';

/** How long a row is measured. */
export interface Effort {
  /** Runs before the clock starts: caches fill, clocks rise, lazy memory is mapped. */
  readonly warmUpRuns: number;
  readonly minRuns: number;
  readonly maxRuns: number;
  /** Runs go on until this time is used up, milliseconds. */
  readonly budgetMs: number;
}

export const FULL_EFFORT: Effort = { warmUpRuns: 10, minRuns: 30, maxRuns: 2000, budgetMs: 6000 };
export const QUICK_EFFORT: Effort = { warmUpRuns: 3, minRuns: 5, maxRuns: 300, budgetMs: 500 };

/**
 * Runs a piece of work again and again.
 *
 * @param restMs Rest before each run, milliseconds; none when absent.
 * @returns The time of each run, milliseconds.
 */
export async function measure(
  work: () => Promise<void>,
  effort: Effort,
  restMs = 0,
): Promise<number[]> {
  for (let i = 0; i < effort.warmUpRuns; i++) await work();
  const samplesMs: number[] = [];
  const startMs = performance.now();
  let nowMs = startMs;
  while (
    samplesMs.length < effort.minRuns ||
    (samplesMs.length < effort.maxRuns && nowMs - startMs < effort.budgetMs)
  ) {
    if (restMs > 0) await setTimeout(restMs);
    const runStartMs = performance.now();
    await work();
    nowMs = performance.now();
    samplesMs.push(nowMs - runStartMs);
  }
  return samplesMs;
}
