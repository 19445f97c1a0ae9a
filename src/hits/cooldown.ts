/** Lets a key through once in a window of time. Keys of long ago are forgotten. */
export class Cooldown {
  readonly #until = new Map<string, number>();

  constructor(private readonly windowMs: number) {}

  /** Whether the key has to wait. */
  isRunning(key: string, nowMs: number): boolean {
    for (const [old, untilMs] of this.#until) {
      if (untilMs <= nowMs) this.#until.delete(old);
    }
    return this.#until.has(key);
  }

  /** The key passed: its window begins. */
  begin(key: string, nowMs: number): void {
    this.#until.set(key, nowMs + this.windowMs);
  }

  /** Puts the end of the window off: the one it is about is still there. */
  extend(key: string, nowMs: number): void {
    if (this.#until.has(key)) this.#until.set(key, nowMs + this.windowMs);
  }
}
