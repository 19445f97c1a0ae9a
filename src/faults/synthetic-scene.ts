import type { Template } from '../domain/records.js';

/** What FACEEVAL_SYNTHETIC holds, as JSON. */
export interface SyntheticScene {
  readonly hitsPerSecond: number;
  /** Which of them are of strangers, 0..1. */
  readonly strangerShare: number;
  /** So many appear, then nobody any more. */
  readonly appearances: number;
  /** Recogniser build and family, as in the manifest, and the length of its templates. */
  readonly build: string;
  readonly family: string;
  readonly dimension: number;
}

/** Enrolled people of a scene: person n looks along axis n, strangers along the axes after. */
export const PEOPLE = 8;
/** A template that is like itself only. */
export function axisTemplate(axis: number, dimension: number): Template {
  const template = new Float32Array(dimension);
  template[axis % dimension] = 1;
  return template;
}
