/** Source of time; tests pass their own. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch: for what people read. Can jump. */
  nowMs(): number;
  /** Monotonic milliseconds: for every duration, window and back-off. Never jumps. */
  monoMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monoMs: () => performance.now(),
};
