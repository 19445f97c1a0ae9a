import type { Observation, Template } from '../domain/records.js';
import { cosine } from '../gallery/cosine.js';

/** Shots that a track's template is made of. */
const BEST_SHOTS = 5;

/**
 * A shot less alike than this to those before it shows somebody else who took over the track. On
 * LFW 3.5 % of other people's shots are more alike to a track's template, and no own one is less.
 */
const SAME_PERSON = 0.3;

/** What is known of one track: its best shots, and the template that they make together. */
export class TrackEvidence {
  readonly #shots: Observation[] = [];
  #count = 0;
  #template: Template | undefined;

  /** Shots seen, kept or not. */
  get count(): number {
    return this.#count;
  }

  get best(): Observation | undefined {
    return this.#shots[0];
  }

  /** @returns Whether the shot shows somebody else than those before: they are dropped then. */
  add(shot: Observation): boolean {
    const replaced = this.#shots.length > 0 && cosine(this.template, shot.template) < SAME_PERSON;
    if (replaced) {
      this.#shots.length = 0;
      this.#count = 0;
    }
    this.#count++;
    this.#template = undefined;
    this.#shots.push(shot);
    this.#shots.sort((a, b) => b.quality.value - a.quality.value);
    this.#shots.splice(BEST_SHOTS);
    return replaced;
  }

  /**
   * Mean of the best shots, weighted by quality; unit length.
   *
   * @throws Error before the first shot.
   */
  get template(): Template {
    this.#template ??= this.#mean();
    return this.#template;
  }

  #mean(): Template {
    const [first] = this.#shots;
    if (first === undefined) throw new Error('a track without a shot has no template');
    const mean = new Float32Array(first.template.length);
    for (const { template, quality } of this.#shots) {
      for (let i = 0; i < mean.length; i++) {
        mean[i] = (mean[i] as number) + quality.value * (template[i] as number);
      }
    }
    let sum = 0;
    for (const value of mean) sum += value * value;
    const length = Math.sqrt(sum);
    // Opposite shots cancel out only if they are of two people: then the best one counts.
    if (length < 1e-6) return first.template;
    for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] as number) / length;
    return mean;
  }
}
