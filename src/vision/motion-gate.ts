import type { Config } from '../config/schema.js';

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

  constructor(private readonly config: Config['motion']) {}

  /**
   * @param luma Y plane of width × height bytes.
   * @returns Whether more of the picture changed than the configured share; true for the first.
   */
  moved(luma: Uint8Array, width: number, height: number): boolean {
    if (!this.config.enabled) return true;
    const stepX = width / COLUMNS;
    const stepY = height / ROWS;
    const reference = this.#reference;
    const next = reference ?? new Float32Array(COLUMNS * ROWS);
    let changed = 0;
    for (let row = 0; row < ROWS; row++) {
      const line = Math.floor((row + 0.5) * stepY) * width;
      for (let column = 0; column < COLUMNS; column++) {
        const at = row * COLUMNS + column;
        const value = luma[line + Math.floor((column + 0.5) * stepX)] as number;
        const before = next[at] as number;
        if (reference === undefined) {
          next[at] = value;
        } else {
          if (Math.abs(value - before) > CHANGED_LUMA) changed++;
          next[at] = before + ADAPTATION * (value - before);
        }
      }
    }
    this.#reference = next;
    return reference === undefined || changed / (COLUMNS * ROWS) > this.config.threshold;
  }
}
