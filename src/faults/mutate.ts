import type { SeededRandom } from './seeded-random.js';

/** Where formats keep sizes, markers and counts. */
const HEAD_BYTES = 96;
const MAX_STEPS = 6;
const MAX_RUN_BYTES = 64;
/** Numbers at which parsers stumble: first byte and the following ones. */
const EDGES = [
  [0x00, 0x00],
  [0x00, 0xff],
  [0x7f, 0xff],
  [0x80, 0x00],
  [0xff, 0xff],
] as const;
const WIDTHS = [1, 2, 4] as const;

type Mutation = (random: SeededRandom, bytes: Buffer, others: readonly Buffer[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  writeEdge,
  scramble,
  cutOut,
  repeatRun,
  cutShort,
  spliceIn,
];

/**
 * Damages a file in one to six steps, more often near its beginning.
 *
 * @param others Files whose parts may get into it.
 */
export function mutateBytes(
  random: SeededRandom,
  original: Uint8Array,
  others: readonly Buffer[],
): Buffer {
  let bytes: Buffer = Buffer.from(original);
  // Half of them get one step: what is damaged beyond recognition tests the first check only.
  const steps = random.chance(0.5) ? 1 : 2 + random.below(MAX_STEPS - 1);
  for (let step = 0; step < steps && bytes.length > 0; step++) {
    bytes = random.pick(MUTATIONS)(random, bytes, others);
  }
  return bytes;
}

function place(random: SeededRandom, { length }: Buffer): number {
  return random.below(random.chance(0.5) ? Math.min(length, HEAD_BYTES) : length);
}

function flipBit(random: SeededRandom, bytes: Buffer): Buffer {
  const at = place(random, bytes);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
}

/** Zeros, ones, the largest or the least signed number over one, two or four bytes. */
function writeEdge(random: SeededRandom, bytes: Buffer): Buffer {
  const at = place(random, bytes);
  const [first, rest] = random.pick(EDGES);
  bytes.fill(rest, at, Math.min(bytes.length, at + random.pick(WIDTHS)));
  bytes[at] = first;
  return bytes;
}

function scramble(random: SeededRandom, bytes: Buffer): Buffer {
  const at = place(random, bytes);
  const end = Math.min(bytes.length, at + 1 + random.below(MAX_RUN_BYTES));
  for (let index = at; index < end; index++) bytes[index] = random.below(256);
  return bytes;
}

function cutOut(random: SeededRandom, bytes: Buffer): Buffer {
  const at = place(random, bytes);
  const end = at + 1 + random.below(MAX_RUN_BYTES);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
}

function repeatRun(random: SeededRandom, bytes: Buffer): Buffer {
  const at = place(random, bytes);
  const run = bytes.subarray(at, at + 1 + random.below(MAX_RUN_BYTES));
  const times = 1 + random.below(4);
  const again = Array.from({ length: times }, () => run);
  return Buffer.concat([bytes.subarray(0, at), ...again, bytes.subarray(at)]);
}

function cutShort(random: SeededRandom, bytes: Buffer): Buffer {
  return bytes.subarray(0, random.below(bytes.length + 1));
}

function spliceIn(random: SeededRandom, bytes: Buffer, others: readonly Buffer[]): Buffer {
  if (others.length === 0) return bytes;
  const other = random.pick(others);
  return Buffer.concat([
    bytes.subarray(0, place(random, bytes)),
    other.subarray(random.below(other.length + 1)),
  ]);
}

/** Values that a JSON or YAML reader meets where it expects something else. */
const STRANGE: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, -1e308, 2 ** 53, '', ' ', '0', '-1', 'null'],
  ...['\u0000', '\ud800', '💥', '../../etc/passwd', "'; DROP TABLE hits; --", '__proto__'],
  ...['x'.repeat(101), 'y'.repeat(70_000), [], {}, [[[[[[]]]]]], { constructor: null }],
];

/** Replaces, removes or adds something in a JSON value, at any depth. */
export function mutateValue(random: SeededRandom, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.chance(0.1)) {
    return random.pick(STRANGE);
  }
  if (Array.isArray(value)) return mutateList(random, value);
  const entries = Object.entries(value);
  const at = random.below(entries.length + 1);
  const chosen = entries[at];
  if (chosen === undefined || random.chance(0.1)) {
    return Object.fromEntries([...entries, [strangeKey(random), random.pick(STRANGE)]]);
  }
  if (random.chance(0.15)) return Object.fromEntries(entries.filter((_, index) => index !== at));
  const [key, inner] = chosen;
  const changed: [string, unknown] = random.chance(0.1)
    ? [strangeKey(random), inner]
    : [key, mutateValue(random, inner)];
  return Object.fromEntries(entries.map((entry, index) => (index === at ? changed : entry)));
}

function mutateList(random: SeededRandom, list: readonly unknown[]): unknown[] {
  const at = random.below(list.length + 1);
  if (random.chance(0.3)) return [...list, ...list, random.pick(STRANGE)];
  return list.map((inner, index) => (index === at ? mutateValue(random, inner) : inner));
}

function strangeKey(random: SeededRandom): string {
  return random.pick(['__proto__', 'constructor', '', 'toString', 'camera', 'x'.repeat(300)]);
}
