import { cosine } from '../gallery/cosine.js';
import type { PerceptualHash } from '../imaging/perceptual-hash.js';

/** Most bits in which the two hashes of one picture in two versions differ. */
const MAX_GRADIENT_BITS = 8;
const MAX_FREQUENCY_BITS = 8;
/** Least cosine of their faces: a burst of press photos hashes alike, and differs here. */
const MIN_COSINE = 0.9;

const BANDS = 4;
const BAND_BITS = 16;
/** Of two hashes that differ in 8 bits, one of four bands differs in 2 at most. */
const MAX_BAND_BITS = Math.floor(MAX_GRADIENT_BITS / BANDS);

/** A picture to compare. */
export interface Fingerprint {
  readonly hash: PerceptualHash;
  readonly template: Float32Array;
}

/**
 * Groups pictures that are one picture in other sizes, compressions, crops of a few percent or
 * brightness. Both hashes and the faces must agree (docs/data.md has the measured distances).
 *
 * Hashes are looked up by bands of 16 bits instead of compared all with all: a million pictures
 * take a minute, not a day.
 *
 * @returns Groups of two and more places, each in ascending order.
 */
export function groupNearDuplicates(prints: readonly Fingerprint[]): number[][] {
  const halves = prints.map(({ hash }) => ({
    gradient: halvesOf(hash.gradient),
    frequency: halvesOf(hash.frequency),
  }));
  const isSame = (a: number, b: number): boolean => {
    const [first, second] = [halves[a], halves[b]];
    const [one, other] = [prints[a], prints[b]];
    if (!first || !second || !one || !other) return false;
    return (
      distance(first.gradient, second.gradient) <= MAX_GRADIENT_BITS &&
      distance(first.frequency, second.frequency) <= MAX_FREQUENCY_BITS &&
      cosine(one.template, other.template) >= MIN_COSINE
    );
  };
  const groups = new DisjointSets(prints.length);
  const flips = flipsOfBand();
  const buckets = Array.from({ length: BANDS }, () => new Map<number, number[]>());
  for (const [place, { gradient }] of halves.entries()) {
    for (const [band, value] of bandsOf(gradient).entries()) {
      const bucket = buckets[band] as Map<number, number[]>;
      for (const flip of flips) {
        for (const other of bucket.get(value ^ flip) ?? []) {
          if (!groups.isOne(place, other) && isSame(place, other)) groups.join(place, other);
        }
      }
      const members = bucket.get(value);
      if (members === undefined) bucket.set(value, [place]);
      else members.push(place);
    }
  }
  return groups.largerThanOne();
}

type Halves = readonly [number, number];

function halvesOf(hex: string): Halves {
  return [Number.parseInt(hex.slice(0, 8), 16), Number.parseInt(hex.slice(8), 16)];
}

function bandsOf([high, low]: Halves): number[] {
  return [high >>> BAND_BITS, high & 0xffff, low >>> BAND_BITS, low & 0xffff];
}

function distance(a: Halves, b: Halves): number {
  return bitsSet(a[0] ^ b[0]) + bitsSet(a[1] ^ b[1]);
}

function bitsSet(value: number): number {
  let x = value - ((value >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Every change of a band in 0, 1 or 2 bits. */
function flipsOfBand(): number[] {
  const flips: number[] = [];
  for (let mask = 0; mask < 1 << BAND_BITS; mask++) {
    if (bitsSet(mask) <= MAX_BAND_BITS) flips.push(mask);
  }
  return flips;
}

/** Union-find with path halving. */
class DisjointSets {
  readonly #parents: Int32Array;

  constructor(count: number) {
    this.#parents = Int32Array.from({ length: count }, (_, place) => place);
  }

  isOne(a: number, b: number): boolean {
    return this.#rootOf(a) === this.#rootOf(b);
  }

  join(a: number, b: number): void {
    this.#parents[this.#rootOf(a)] = this.#rootOf(b);
  }

  largerThanOne(): number[][] {
    const groups = new Map<number, number[]>();
    for (let place = 0; place < this.#parents.length; place++) {
      const root = this.#rootOf(place);
      const group = groups.get(root);
      if (group === undefined) groups.set(root, [place]);
      else group.push(place);
    }
    return [...groups.values()].filter(({ length }) => length > 1);
  }

  #rootOf(place: number): number {
    let at = place;
    while (this.#parents[at] !== at) {
      const above = this.#parents[at] as number;
      this.#parents[at] = this.#parents[above] as number;
      at = this.#parents[at] as number;
    }
    return at;
  }
}
