import type { Template } from '../domain/records.js';
import type { Mat } from '../imaging/opencv.js';
import { type InferenceSession, itemsARun } from '../models/inference-session.js';

/** How a recogniser build is fed and read; from its manifest entry. */
export interface EmbedderContract {
  /** Side of the aligned face in pixels. */
  readonly sidePx: number;
  readonly dimension: number;
  /** Most faces of a run. */
  readonly maxBatch: number;
  /** Faces whose layers fit the cache of a core; absent where only `maxBatch` counts. */
  readonly facesAThread?: number;
}

/** Turns aligned faces into templates, many in one run. Not re-entrant. */
export class Embedder {
  readonly #session: InferenceSession;
  readonly #contract: EmbedderContract;
  readonly #faces: Uint8Array;

  constructor(session: InferenceSession, contract: EmbedderContract) {
    this.#session = session;
    this.#contract = contract;
    this.#faces = new Uint8Array(contract.maxBatch * contract.sidePx ** 2 * 3);
  }

  /**
   * @param aligned BGR CV_8UC3 faces of sidePx × sidePx.
   * @returns One L2-normalised template a face, in order.
   */
  async embed(aligned: readonly Mat[]): Promise<Template[]> {
    const { maxBatch, facesAThread } = this.#contract;
    const facesARun = itemsARun(this.#session, facesAThread, maxBatch);
    const templates: Template[] = [];
    for (let first = 0; first < aligned.length; first += facesARun) {
      templates.push(...(await this.#embedBatch(aligned.slice(first, first + facesARun))));
    }
    return templates;
  }

  async #embedBatch(aligned: readonly Mat[]): Promise<Template[]> {
    const { sidePx, dimension } = this.#contract;
    const faceBytes = sidePx * sidePx * 3;
    for (const [index, face] of aligned.entries()) {
      this.#faces.set(face.getData(), index * faceBytes);
    }
    const { template } = await this.#session.run({
      faces: {
        data: this.#faces.subarray(0, aligned.length * faceBytes),
        dims: [aligned.length, sidePx, sidePx, 3],
      },
    });
    if (template === undefined) throw new Error('the recogniser gives no output "template"');
    const vectors = template.data as Float32Array;
    return aligned.map((_, index) =>
      normalise(vectors.slice(index * dimension, (index + 1) * dimension)),
    );
  }
}

/**
 * Scales a vector to unit length in place.
 *
 * @throws Error when it has no length or is not finite: a bug of the model, never a face.
 */
export function normalise(vector: Float32Array): Template {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const length = Math.sqrt(sum);
  if (!Number.isFinite(length) || length === 0) throw new Error('the template has no length');
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) / length;
  return vector;
}
