import type { StageStats } from '../domain/records.js';

/** Samples a stage keeps: about the last minute of a busy camera. */
const WINDOW = 512;

/** Durations of one stage: a ring of the newest samples, and totals since the start. */
class StageRing {
  readonly #samples = new Float64Array(WINDOW);
  #count = 0;
  #totalMs = 0;

  add(durationMs: number): void {
    this.#samples[this.#count % WINDOW] = durationMs;
    this.#count++;
    this.#totalMs += durationMs;
  }

  stats(stage: StageStats['stage']): StageStats {
    const sorted = this.#samples.slice(0, Math.min(this.#count, WINDOW)).sort();
    const quantile = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      stage,
      count: this.#count,
      p50Ms: quantile(0.5),
      p95Ms: quantile(0.95),
      p99Ms: quantile(0.99),
      totalMs: this.#totalMs,
    };
  }
}

/** Measures what every stage of the pipeline costs. */
export class StageClock {
  readonly #rings = new Map<StageStats['stage'], StageRing>();

  /** Books `durationMs` on a stage. */
  book(stage: StageStats['stage'], durationMs: number): void {
    let ring = this.#rings.get(stage);
    if (ring === undefined) {
      ring = new StageRing();
      this.#rings.set(stage, ring);
    }
    ring.add(durationMs);
  }

  /** Runs `work`, books how long it took, and returns its result and duration. */
  async time<T>(stage: StageStats['stage'], work: () => T | Promise<T>): Promise<[T, number]> {
    const startMs = performance.now();
    const result = await work();
    const durationMs = performance.now() - startMs;
    this.book(stage, durationMs);
    return [result, durationMs];
  }

  stats(): StageStats[] {
    return [...this.#rings].map(([stage, ring]) => ring.stats(stage));
  }
}
