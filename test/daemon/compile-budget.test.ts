import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { expect, it } from 'vitest';
import { compileOnlyLoops } from '../../src/daemon/compile-budget.js';

/** The bit of V8's status of a function that says: runs as optimised machine code. */
const OPTIMISED = 1 << 4;

it('has loops over many numbers compiled, and what runs now and then not', async () => {
  compileOnlyLoops();
  setFlagsFromString('--allow-natives-syntax');
  const statusOf = new Function('f', 'return %GetOptimizationStatus(f)') as (f: unknown) => number;
  const isOptimised = (f: unknown) => (statusOf(f) & OPTIMISED) !== 0;
  const sum = (count: number) => {
    let total = 0;
    for (let i = 0; i < count; i++) total += i % 7;
    return total;
  };
  const describe = (hit: { id: number }) => ({ ...hit, name: `hit ${hit.id}` });
  // Three days of a hit in ten seconds; by V8's own budget it is compiled after a few thousand.
  for (let id = 0; id < 26_000; id++) describe({ id });
  for (let round = 0; round < 60; round++) {
    sum(1_000_000);
    await delay(1);
  }
  expect(isOptimised(sum)).toBe(true);
  expect(isOptimised(describe)).toBe(false);
});
