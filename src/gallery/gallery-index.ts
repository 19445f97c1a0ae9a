import type { Identity, Template } from '../domain/records.js';
import type { StoredTemplate } from './identity-store.js';
import { TemplateMatrix } from './template-matrix.js';

/** An identity and its best similarity to a probe. */
export interface Candidate {
  readonly identity: Identity;
  readonly similarity: number;
}

/** What the index needs to know of a template. */
export type IndexedTemplate = Pick<StoredTemplate, 'id' | 'identity' | 'vector'>;

/** Less than any cosine. */
const NONE = -2;

/**
 * All templates of a family in memory, searched exactly: every template is compared. Vectors have
 * unit length, so the dot product is the cosine. Measured in docs/search.md.
 */
export class GalleryIndex {
  #matrix: TemplateMatrix | undefined;
  #templateIds: string[] = [];
  /** Number of the identity of each row. */
  #owners = new Int32Array(0);
  #identities: Identity[] = [];
  #numbers = new Map<string, number>();
  #best = new Float32Array(0);

  /** Templates in the index. */
  get size(): number {
    return this.#templateIds.length;
  }

  /** Ids of the templates in the index, in no order. */
  get templateIds(): readonly string[] {
    return this.#templateIds;
  }

  /**
   * Replaces everything by these templates, which must have one dimension. They are taken one by
   * one: an iterator over rows needs no memory beside the index's own.
   *
   * @throws RangeError when they differ in length.
   */
  load(templates: Iterable<IndexedTemplate>): void {
    this.#matrix?.clear();
    this.#templateIds = [];
    this.#identities = [];
    this.#numbers = new Map();
    for (const template of templates) this.add(template);
  }

  /** @throws RangeError when the template's length is not that of those before. */
  add({ id, identity, vector }: IndexedTemplate): void {
    if (this.#matrix === undefined || this.size === 0) this.#matrix = this.#matrixFor(vector);
    const row = this.#matrix.append(vector);
    if (row >= this.#owners.length) this.#owners = grown(this.#owners, row + 1);
    this.#owners[row] = this.#numberOf(identity);
    this.#templateIds.push(id);
  }

  /** Takes over the name of an identity. */
  rename(identity: Identity): void {
    const number = this.#numbers.get(identity.id);
    if (number !== undefined) this.#identities[number] = identity;
  }

  /** @returns Whether the template was there. */
  remove(templateId: string): boolean {
    const row = this.#templateIds.indexOf(templateId);
    const last = this.size - 1;
    if (row < 0 || this.#matrix === undefined) return false;
    this.#matrix.remove(row);
    this.#owners[row] = this.#owners[last] as number;
    this.#templateIds[row] = this.#templateIds[last] as string;
    this.#templateIds.pop();
    return true;
  }

  /**
   * @param probe Unit vector.
   * @returns The nearest identities, best first, each with its best template's similarity.
   * @throws RangeError when the probe's length is not that of the templates.
   */
  search(probe: Template, limit: number): Candidate[] {
    if (this.#matrix === undefined || this.size === 0) return [];
    if (this.#best.length < this.#identities.length) {
      this.#best = new Float32Array(this.#identities.length * 2);
    }
    const best = this.#best.subarray(0, this.#identities.length).fill(NONE);
    const owners = this.#owners;
    this.#matrix.scan(probe, (similarities, first) => {
      for (let i = 0; i < similarities.length; i++) {
        const owner = owners[first + i] as number;
        const similarity = similarities[i] as number;
        if (similarity > (best[owner] as number)) best[owner] = similarity;
      }
    });
    return topOf(best, limit).map((owner) => ({
      identity: this.#identities[owner] as Identity,
      similarity: best[owner] as number,
    }));
  }

  /** An emptied matrix is used again when the new templates have its dimension. */
  #matrixFor(vector: Template): TemplateMatrix {
    return this.#matrix?.dimension === vector.length
      ? this.#matrix
      : new TemplateMatrix(vector.length);
  }

  #numberOf(identity: Identity): number {
    const known = this.#numbers.get(identity.id);
    if (known !== undefined) return known;
    const number = this.#identities.length;
    this.#numbers.set(identity.id, number);
    this.#identities.push(identity);
    return number;
  }
}

function grown(owners: Int32Array<ArrayBuffer>, needed: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(needed, Math.ceil(owners.length * 1.5), 16));
  larger.set(owners);
  return larger;
}

/** Indices of the largest values, largest first, of those that stand for a row. */
function topOf(values: Float32Array, limit: number): number[] {
  const top: number[] = [];
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (value === NONE) continue;
    if (top.length === limit && value <= (values[top[limit - 1] as number] as number)) continue;
    let at = top.length;
    while (at > 0 && value > (values[top[at - 1] as number] as number)) at--;
    top.splice(at, 0, index);
    if (top.length > limit) top.pop();
  }
  return top;
}
