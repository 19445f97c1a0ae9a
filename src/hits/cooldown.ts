/**
 * Lets a key of a camera through once in a window of time. Keys of long ago are forgotten, by the
 * time of their own camera: files that are played fast each have their own.
 */
export class Cooldown {
  readonly #untilMs = new Map<string, Map<string, number>>();

  /** @param windowMs May be changed; windows that are open stay as they are. */
  constructor(public windowMs: number) {}

  /** Whether the key's window is still open. */
  holds(camera: string, key: string, nowMs: number): boolean {
    return nowMs < (this.#untilMs.get(camera)?.get(key) ?? Number.NEGATIVE_INFINITY);
  }

  /** Opens the key's window, or opens it anew: the one it is about is still there. */
  start(camera: string, key: string, nowMs: number): void {
    const keys = this.#untilMs.get(camera) ?? new Map<string, number>();
    this.#untilMs.set(camera, keys);
    for (const [old, untilMs] of keys) {
      if (untilMs <= nowMs) keys.delete(old);
    }
    keys.set(key, nowMs + this.windowMs);
  }
}
