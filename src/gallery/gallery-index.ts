import type { Identity, Template } from '../domain/records.js';
import type { StoredTemplate } from './identity-store.js';

/** An identity and its best similarity to a probe. */
export interface Candidate {
  readonly identity: Identity;
  readonly similarity: number;
}

/**
 * All templates of a family in one flat array, searched exactly. Vectors have unit length, so the
 * dot product is the cosine.
 */
export class GalleryIndex {
  #dimension = 0;
  #vectors = new Float32Array(0);
  #owners = new Int32Array(0);
  #identities: Identity[] = [];
  #count = 0;

  get size(): number {
    return this.#count;
  }

  get identities(): readonly Identity[] {
    return this.#identities;
  }

  /** Replaces everything by these templates, which must have one dimension. */
  load(templates: readonly StoredTemplate[]): void {
    this.#dimension = templates[0]?.vector.length ?? 0;
    this.#count = templates.length;
    this.#vectors = new Float32Array(templates.length * this.#dimension);
    this.#owners = new Int32Array(templates.length);
    const numbers = new Map<string, number>();
    this.#identities = [];
    for (const [index, { identity, vector }] of templates.entries()) {
      if (vector.length !== this.#dimension) throw new RangeError('templates differ in length');
      let owner = numbers.get(identity.id);
      if (owner === undefined) {
        owner = this.#identities.length;
        numbers.set(identity.id, owner);
        this.#identities.push(identity);
      }
      this.#vectors.set(vector, index * this.#dimension);
      this.#owners[index] = owner;
    }
  }

  /**
   * @param probe Unit vector.
   * @returns The nearest identities, best first, each with its best template's similarity.
   */
  search(probe: Template, limit: number): Candidate[] {
    if (this.#count === 0 || probe.length !== this.#dimension) return [];
    const best = new Float32Array(this.#identities.length).fill(-2);
    for (let index = 0; index < this.#count; index++) {
      const similarity = dot(this.#vectors, index * this.#dimension, probe);
      const owner = this.#owners[index] as number;
      if (similarity > (best[owner] as number)) best[owner] = similarity;
    }
    return topOf(best, limit).map((owner) => ({
      identity: this.#identities[owner] as Identity,
      similarity: best[owner] as number,
    }));
  }
}

/** Indices of the largest values, largest first. `limit` is small. */
function topOf(values: Float32Array, limit: number): number[] {
  const top: number[] = [];
  for (const [index, value] of values.entries()) {
    if (top.length === limit && value <= (values[top[limit - 1] as number] as number)) continue;
    let at = top.length;
    while (at > 0 && value > (values[top[at - 1] as number] as number)) at--;
    top.splice(at, 0, index);
    if (top.length > limit) top.pop();
  }
  return top;
}

/** Four sums at once: the processor does not wait for one addition to end before the next. */
function dot(vectors: Float32Array, offset: number, probe: Float32Array): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const whole = probe.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    a += (vectors[offset + i] as number) * (probe[i] as number);
    b += (vectors[offset + i + 1] as number) * (probe[i + 1] as number);
    c += (vectors[offset + i + 2] as number) * (probe[i + 2] as number);
    d += (vectors[offset + i + 3] as number) * (probe[i + 3] as number);
  }
  for (let i = whole; i < probe.length; i++) {
    a += (vectors[offset + i] as number) * (probe[i] as number);
  }
  return a + b + c + d;
}
