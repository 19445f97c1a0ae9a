import { randomUUID } from 'node:crypto';
import { bootId } from './process-start.js';

/** Time that means the same in every process of one start of the machine. */
export interface MachineClock {
  /** Names this start of the machine. */
  readonly boot: string;
  /** Wall clock, milliseconds since the epoch. Can jump: a Pi has no battery for it. */
  nowMs(): number;
  /** Milliseconds since the machine started, as far as it was awake. Never jumps. */
  uptimeMs(): number;
}

export const machineClock: MachineClock = {
  // Without /proc no two processes can know that they share a start: each counts as its own.
  boot: (bootId() || randomUUID()).slice(0, 8),
  nowMs: () => Date.now(),
  uptimeMs: () => Number(process.hrtime.bigint() / 1_000_000n),
};
