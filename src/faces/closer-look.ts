import { type Level, PNET_STRIDE_PX, PNET_WINDOW_PX } from './pyramid.js';
import { type Block, coverMarks } from './window-cover.js';

/** P-Net's scores of some windows of a level: a cutting of the map of the canvas they lie on. */
export interface BlockScores {
  readonly scores: Float32Array;
  /** Scores a row of the whole map. */
  readonly stride: number;
  /** Index of the block's first window. */
  readonly first: number;
  /** The windows, by their place on the level. */
  readonly block: Block;
}

/**
 * Every third level is run whole, beginning with the second: its neighbours are larger or smaller by
 * one factor, and what is a face on one of them is almost one on it.
 */
const WHOLE_EVERY = 3;
const FIRST_WHOLE = 1;
/** A level of fewer pixels is run whole, too: what is looked at closer brings borders with it. */
const SMALL_LEVEL_PX = 2500;
/** Where levels that could be left out have fewer pixels in all, a second run would cost more. */
const LEAST_LEFT_OUT_PX = 20_000;
/** Score from which the windows of a neighbour are looked at; by measurement (docs/accuracy.md). */
export const CLOSER_SCORE = 0.3;
/** How far around such a window, in pixels of the neighbour. */
const MARGIN_PX = 1;
/** Windows are marked by cells of so many along a side. */
const CELL_WINDOWS = 2;

/**
 * The level whose scores say where to look, for each level.
 *
 * @returns Indices; undefined where P-Net runs over the whole level.
 */
export function gatesOf(levels: readonly Level[]): (number | undefined)[] {
  const gates = levels.map((level, index) => {
    const step = (index - FIRST_WHOLE + WHOLE_EVERY) % WHOLE_EVERY;
    if (step === 0 || areaOf(level) < SMALL_LEVEL_PX) return undefined;
    const gate = step === 1 ? index - 1 : index + 1;
    return gate < levels.length ? gate : undefined;
  });
  const leftOutPx = levels.reduce(
    (sum, level, index) => sum + (gates[index] === undefined ? 0 : areaOf(level)),
    0,
  );
  return leftOutPx < LEAST_LEFT_OUT_PX ? levels.map(() => undefined) : gates;
}

const areaOf = ({ width, height }: Level): number => width * height;

/** What is to be known of a level and of the one that says where to look on it. */
interface LevelWindows extends Level {
  /** All windows of the level. */
  readonly windows: Block;
}

/** Where to look closer on one level: around every window of its gate that could be a face. */
export class CloserLook<L extends LevelWindows> {
  /** One byte a cell. */
  readonly #marks: Uint8Array;
  readonly #columns: number;
  readonly #cellX: Int32Array;
  readonly #cellY: Int32Array;

  constructor(
    readonly level: L,
    readonly gate: L,
  ) {
    this.#columns = Math.ceil(level.windows.right / CELL_WINDOWS);
    const rows = Math.ceil(level.windows.bottom / CELL_WINDOWS);
    this.#marks = new Uint8Array(this.#columns * rows);
    const { right, bottom } = gate.windows;
    this.#cellX = cellsAround(right, level.scaleX / gate.scaleX, this.#columns);
    this.#cellY = cellsAround(bottom, level.scaleY / gate.scaleY, rows);
  }

  /** Marks what lies around the windows of a part of the gate that could be a face. */
  mark({ scores, stride, first, block }: BlockScores): void {
    for (let row = block.top; row < block.bottom; row++) {
      const start = first + (row - block.top) * stride - block.left;
      for (let column = block.left; column < block.right; column++) {
        if ((scores[start + column] as number) >= CLOSER_SCORE) this.#markAround(column, row);
      }
    }
  }

  #markAround(column: number, row: number): void {
    const left = this.#cellX[column * 2] as number;
    const right = this.#cellX[column * 2 + 1] as number;
    const bottom = this.#cellY[row * 2 + 1] as number;
    for (let y = this.#cellY[row * 2] as number; y <= bottom; y++) {
      this.#marks.fill(1, y * this.#columns + left, y * this.#columns + right + 1);
    }
  }

  /** @returns Blocks of windows that hold all marks, which are wiped; they may overlap. */
  takeBlocks(): Block[] {
    const blocks = coverMarks(this.#marks, this.#columns, CELL_WINDOWS);
    this.#marks.fill(0);
    return blocks.map((block) => within(block, this.level.windows));
  }
}

/** First and last cell of the level around each window of its gate, along one side. */
function cellsAround(gateWindows: number, scale: number, cells: number): Int32Array {
  const around = new Int32Array(gateWindows * 2);
  const cellOf = (window: number): number =>
    Math.min(cells - 1, Math.max(0, Math.floor(window / CELL_WINDOWS)));
  for (let window = 0; window < gateWindows; window++) {
    const centrePx = (window * PNET_STRIDE_PX + PNET_WINDOW_PX / 2) * scale;
    const originPx = centrePx - PNET_WINDOW_PX / 2;
    around[window * 2] = cellOf(Math.floor((originPx - MARGIN_PX) / PNET_STRIDE_PX));
    around[window * 2 + 1] = cellOf(Math.ceil((originPx + MARGIN_PX) / PNET_STRIDE_PX));
  }
  return around;
}

function within(block: Block, { right, bottom }: Block): Block {
  return {
    ...block,
    right: Math.min(right, block.right),
    bottom: Math.min(bottom, block.bottom),
  };
}
