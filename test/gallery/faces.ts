import type { Template } from '../../src/domain/records.js';

/** Numbers that are the same in every run (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function unit(values: ArrayLike<number>): Template {
  const length = Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(values, (value) => value / length);
}

/** A random direction: two of 128 values are nearly at a right angle, as two people are. */
export function randomFace(random: () => number, dimension = 128): Template {
  return unit(Array.from({ length: dimension }, () => random() + random() + random() - 1.5));
}

/** A face whose cosine to `face` is `similarity`. */
export function faceNear(face: Template, similarity: number, random: () => number): Template {
  const other = randomFace(random, face.length);
  const along = other.reduce((sum, value, i) => sum + value * (face[i] as number), 0);
  const across = unit(other.map((value, i) => value - along * (face[i] as number)));
  const share = Math.sqrt(1 - similarity * similarity);
  return unit(face.map((value, i) => similarity * value + share * (across[i] as number)));
}
