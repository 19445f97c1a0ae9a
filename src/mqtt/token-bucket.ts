/** Lets a burst through, then so many a second. */
export class TokenBucket {
  #tokens: number;
  #atMs: number;

  constructor(
    private readonly burst: number,
    private readonly perSecond: number,
    private readonly monoMs: () => number = () => performance.now(),
  ) {
    this.#tokens = burst;
    this.#atMs = monoMs();
  }

  /** @returns Whether one more may pass now. */
  take(): boolean {
    const nowMs = this.monoMs();
    const earned = ((nowMs - this.#atMs) / 1_000) * this.perSecond;
    this.#tokens = Math.min(this.burst, this.#tokens + earned);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
