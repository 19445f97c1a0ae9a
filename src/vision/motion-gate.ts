import { IgnoredAreas } from './ignored-areas.js';

/** Points looked at across and down: a face of 40 px covers a dozen of them at 640×480. */
const COLUMNS = 80;
const ROWS = 60;
/** Change of luma that is no noise. */
const CHANGED_LUMA = 18;
/** Share of the new picture in the reference: slow light changes are followed, people are not. */
const ADAPTATION = 0.05;

/**
 * Tells a still scene from a moving one by a grid of luma points against a slowly adapting
 * reference: a few thousand reads a frame, whatever its size.
 */
export class MotionGate {
  #reference: Float32Array | undefined;
  /** Points of the frame before. */
  readonly #last = new Uint8Array(COLUMNS * ROWS);
  #jumped = 0;
  /** 1 for points that do not count. */
  readonly #ignored: Uint8Array;
  readonly #counted: number;

  constructor(areas = new IgnoredAreas([])) {
    this.#ignored = Uint8Array.from({ length: COLUMNS * ROWS }, (_, at) => {
      const x = ((at % COLUMNS) + 0.5) / COLUMNS;
      const y = (Math.floor(at / COLUMNS) + 0.5) / ROWS;
      return areas.covers(x, y) ? 1 : 0;
    });
    this.#counted = this.#ignored.reduce((sum, ignored) => sum + 1 - ignored, 0);
  }

  /**
   * Share of what counts of the picture that is not as in the frame before, 0..1; 0 for the first
   * frame. A light that goes on jumps once, while the reference takes seconds to follow it.
   */
  get jumpedShare(): number {
    return this.#jumped;
  }

  /**
   * @param luma Y plane of width × height bytes.
   * @returns Share of what counts of the picture that is not as it was, 0..1; 1 for the first frame.
   */
  changedShare(luma: Uint8Array, width: number, height: number): number {
    const reference = this.#reference;
    const next = reference ?? new Float32Array(COLUMNS * ROWS);
    this.#reference = next;
    const adaptation = reference === undefined ? 1 : ADAPTATION;
    let changed = 0;
    let jumped = 0;
    for (let row = 0; row < ROWS; row++) {
      const line = Math.floor(((row + 0.5) * height) / ROWS) * width;
      for (let column = 0; column < COLUMNS; column++) {
        const at = row * COLUMNS + column;
        if (this.#ignored[at] === 1) continue;
        const value = luma[line + Math.floor(((column + 0.5) * width) / COLUMNS)] as number;
        const before = next[at] as number;
        if (Math.abs(value - before) > CHANGED_LUMA) changed++;
        if (Math.abs(value - (this.#last[at] as number)) > CHANGED_LUMA) jumped++;
        this.#last[at] = value;
        next[at] = before + adaptation * (value - before);
      }
    }
    if (reference === undefined) return 1;
    const counted = Math.max(1, this.#counted);
    this.#jumped = jumped / counted;
    return changed / counted;
  }
}
