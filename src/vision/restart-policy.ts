const FIRST_WAIT_MS = 500;
const LAST_WAIT_MS = 30_000;
/** After so long at work, the next failure is a new one. */
const HEALTHY_MS = 60_000;
/** Failures in a row, over about a minute, after which starting again does not help by itself. */
const LOOP_FAILURES = 8;
const LOOP_WAIT_MS = 120_000;

/** When a process that ended is started again. */
export interface Restart {
  readonly waitMs: number;
  /** It ended again and again: somebody should look into it. */
  readonly looping: boolean;
}

/** Growing pauses between restarts, so that a process that cannot live leaves the board its CPU. */
export class RestartPolicy {
  #failures = 0;

  /** @param healthyMs How long the process was at work before it ended; 0 when it never was. */
  next(healthyMs: number): Restart {
    if (healthyMs >= HEALTHY_MS) this.#failures = 0;
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LAST_WAIT_MS);
    this.#failures++;
    const looping = this.#failures >= LOOP_FAILURES;
    return { waitMs: looping ? LOOP_WAIT_MS : waitMs, looping };
  }
}
