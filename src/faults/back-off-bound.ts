/** How a camera reader pauses between attempts, as docs/capture.md promises. */
export const BACK_OFF = {
  firstMs: 1_000,
  lastMs: 30_000,
  /** A pause is up to so much shorter or longer. */
  jitter: 0.2,
  /** After so long online, the next failure is a new one. */
  healthyMs: 30_000,
} as const;

/**
 * Upper bound of the pause that a camera is in when its source comes back. It follows the reader
 * with the shortest pauses that it may make: they grow fastest in a given time.
 */
export class BackOffBound {
  #nextMs: number = BACK_OFF.firstMs;

  /**
   * One outage.
   *
   * @param onlineMs How long the camera was online before it.
   * @param awayMs How long the source was away, from the moment at which that was noticed.
   * @returns The longest pause that can be in force at its end.
   */
  outage(onlineMs: number, awayMs: number): number {
    if (onlineMs > BACK_OFF.healthyMs) this.#nextMs = BACK_OFF.firstMs;
    let inForceMs = this.#take();
    let passedMs = inForceMs * (1 - BACK_OFF.jitter);
    while (passedMs < awayMs) {
      inForceMs = this.#take();
      passedMs += inForceMs * (1 - BACK_OFF.jitter);
    }
    return inForceMs * (1 + BACK_OFF.jitter);
  }

  #take(): number {
    const pauseMs = this.#nextMs;
    this.#nextMs = Math.min(this.#nextMs * 2, BACK_OFF.lastMs);
    return pauseMs;
  }
}
