/** Cosines are told apart to so much; thresholds are not known better. */
const STEP = 1e-4;
const BINS = Math.round(2 / STEP) + 1;

/** Counts cosines by size: millions of them in little memory. */
export class SimilarityHistogram {
  readonly #counts = new Float64Array(BINS);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(similarity: number): void {
    const bin = binOf(similarity);
    this.#counts[bin] = (this.#counts[bin] as number) + 1;
    this.#total++;
  }

  /** Takes back one that was added. */
  remove(similarity: number): void {
    const bin = binOf(similarity);
    this.#counts[bin] = (this.#counts[bin] as number) - 1;
    this.#total--;
  }

  /** How many are this large or larger. */
  countFrom(threshold: number): number {
    let sum = 0;
    for (let bin = binOf(threshold); bin < BINS; bin++) sum += this.#counts[bin] as number;
    return sum;
  }

  /** The lowest threshold that at most this share reaches. */
  thresholdFor(share: number): number {
    const allowed = share * this.#total;
    let above = 0;
    for (let bin = BINS - 1; bin >= 0; bin--) {
      above += this.#counts[bin] as number;
      if (above > allowed) return similarityOf(bin + 1);
    }
    return -1;
  }

  /** The largest, to the histogram's precision; undefined when there is none. */
  get highest(): number | undefined {
    for (let bin = BINS - 1; bin >= 0; bin--) {
      if ((this.#counts[bin] as number) > 0) return similarityOf(bin);
    }
    return undefined;
  }
}

/** Rounding can take a cosine a little beyond one. */
function binOf(similarity: number): number {
  return Math.max(0, Math.min(BINS - 1, Math.floor((similarity + 1) / STEP + 1e-6)));
}

function similarityOf(bin: number): number {
  return Number((bin * STEP - 1).toFixed(4));
}
