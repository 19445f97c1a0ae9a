import { type InferenceSession, itemsARun } from '../models/inference-session.js';
import type { Candidates } from './boxes.js';
import { type CropOptions, cropBatch } from './crops.js';
import type { HalvedPictures } from './halved-pictures.js';

/** What a net says of windows, in their order; written over by the next call. */
export interface WindowOutput {
  /** One a window. */
  readonly score: Float32Array;
  /** Four a window: how far its sides are off, as shares of the window. */
  readonly offset: Float32Array;
  /** Ten a window, x and y of five points as shares of it; empty when the net gives none. */
  readonly landmarks: Float32Array;
}

/** How many windows R-Net or O-Net is given at once. */
export interface WindowBatch {
  /** Windows whose layers fit the cache of a core. */
  readonly aThread: number;
  /**
   * Most windows of a run: the runtime keeps the room of its largest run for good, so one crowded
   * frame would cost memory ever after.
   */
  readonly most: number;
}

/** R-Net or O-Net over windows of a picture, in runs of a bounded number. Not re-entrant. */
export class WindowNet {
  readonly #session: InferenceSession;
  readonly #options: CropOptions;
  readonly #batch: WindowBatch;
  readonly #crops: Uint8Array;
  readonly #output: WindowOutput;

  /** @param mostWindows Most that a call may bring. */
  constructor(
    session: InferenceSession,
    options: CropOptions,
    batch: WindowBatch,
    mostWindows: number,
  ) {
    this.#session = session;
    this.#options = options;
    this.#batch = batch;
    this.#crops = new Uint8Array(batch.most * cropBytes(options));
    const hasLandmarks = session.outputs.some(({ name }) => name === 'landmarks');
    this.#output = {
      score: new Float32Array(mostWindows),
      offset: new Float32Array(mostWindows * 4),
      landmarks: new Float32Array(hasLandmarks ? mostWindows * 10 : 0),
    };
  }

  /** Judges the windows, whose corners become those that were cut out. */
  async judge(pictures: HalvedPictures, windows: Candidates): Promise<WindowOutput> {
    const { aThread, most } = this.#batch;
    const windowsARun = itemsARun(this.#session, aThread, most);
    for (let first = 0; first < windows.count; first += windowsARun) {
      const count = Math.min(windowsARun, windows.count - first);
      await this.#run(pictures, windows, first, count);
    }
    return this.#output;
  }

  async #run(
    pictures: HalvedPictures,
    windows: Candidates,
    first: number,
    count: number,
  ): Promise<void> {
    const { sidePx } = this.#options;
    cropBatch(pictures, windows, this.#options, this.#crops, first, count);
    const found = await this.#session.run({
      crops: {
        data: this.#crops.subarray(0, count * cropBytes(this.#options)),
        dims: [count, sidePx, sidePx, 3],
      },
    });
    for (const [name, into] of Object.entries(this.#output)) {
      if (into.length === 0) continue;
      const output = found[name];
      if (output === undefined) throw new Error(`the net has no output "${name}"`);
      into.set(output.data, (first * output.data.length) / count);
    }
  }
}

function cropBytes({ sidePx }: CropOptions): number {
  return sidePx * sidePx * 3;
}
