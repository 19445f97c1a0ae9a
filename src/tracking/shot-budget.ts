import type { Config } from '../config/schema.js';

/** How much better than the best shot a face must be to be worth an early embedding. */
const BETTER = 1.15;
/** Shots that are taken as fast as the configuration allows: a name needs more than one. */
const EARLY_SHOTS = 3;

/**
 * Decides which faces of a track are worth embedding: work is spent on the first good look, on
 * clearly better ones, and, while nobody is named yet, on a few more.
 */
export class ShotBudget {
  #shots = 0;
  #best = 0;
  /** Since the face was last gone. */
  #newShots = 0;
  #newBest = 0;
  #lastShotMs = Number.NEGATIVE_INFINITY;
  #settled = false;

  constructor(
    private readonly config: Config['tracking'],
    private readonly minQuality: number,
  ) {}

  get shots(): number {
    return this.#shots;
  }

  get bestQuality(): number {
    return this.#best;
  }

  /** Tells whether the track is named; a named track is only looked at now and then. */
  settle(settled: boolean): void {
    this.#settled = settled;
  }

  /** The face was gone and one is back, which may be somebody else's: nothing is known of it. */
  startOver(): void {
    this.#newShots = 0;
    this.#newBest = 0;
    this.#settled = false;
  }

  /** Whether a face of this quality is embedded now; if so, it is booked as a shot. */
  take(quality: number, nowMs: number): boolean {
    if (quality < this.minQuality || !this.#due(quality, nowMs)) return false;
    this.#shots++;
    this.#best = Math.max(this.#best, quality);
    this.#newShots++;
    this.#newBest = Math.max(this.#newBest, quality);
    this.#lastShotMs = nowMs;
    return true;
  }

  #due(quality: number, nowMs: number): boolean {
    const sinceMs = nowMs - this.#lastShotMs;
    if (this.#settled) return sinceMs >= this.config.refreshMs;
    if (sinceMs < this.config.minShotGapMs) return false;
    // Somebody who comes closer is worth a look, whatever was spent on the distant face. Each one
    // has to be clearly better, so there are few of these.
    if (quality > this.#newBest * BETTER) return true;
    if (this.#newShots >= this.config.maxShots) return sinceMs >= this.config.refreshMs;
    // The first shots come at once; later ones have to be better or to have waited.
    return (
      this.#newShots < EARLY_SHOTS || sinceMs >= this.config.minShotGapMs * (1 + this.#newShots)
    );
  }
}
