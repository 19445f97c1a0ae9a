import { setFlagsFromString } from 'node:v8';

/** Bytes of bytecode that a function runs through before V8 compiles it; its own default is 66 kB. */
const BUDGET_BYTES = 64 * 1024 ** 2;

/**
 * Keeps the compiler for loops over many numbers. What the daemon does a few times a second gains
 * nothing from machine code, but all of it is compiled in the course of hours, and none of that is
 * given back: two megabytes an hour that look like a leak. A loop over a gallery still uses the
 * budget up within a fraction of a second.
 */
export function compileOnlyLoops(): void {
  setFlagsFromString('--no-sparkplug');
  setFlagsFromString(`--interrupt-budget=${BUDGET_BYTES}`);
}
