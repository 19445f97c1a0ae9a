/** Lets a key through once in a window of time. Keys of long ago are forgotten. */
export class Cooldown {
  readonly #until = new Map<string, number>();

  /** @param windowMs May be changed; windows that are open stay as they are. */
  constructor(public windowMs: number) {}

  /** Whether the key's window is still open. */
  holds(key: string, nowMs: number): boolean {
    return nowMs < (this.#until.get(key) ?? Number.NEGATIVE_INFINITY);
  }

  /** Opens the key's window, or opens it anew: the one it is about is still there. */
  start(key: string, nowMs: number): void {
    for (const [old, untilMs] of this.#until) {
      if (untilMs <= nowMs) this.#until.delete(old);
    }
    this.#until.set(key, nowMs + this.windowMs);
  }
}
