import { type Level, PNET_STRIDE_PX, PNET_WINDOW_PX } from './pyramid.js';
import { type Block, coverMarks } from './window-cover.js';

/** P-Net's scores of one level: a cutting of the map of the canvas that it lies on. */
export interface LevelScores {
  readonly scores: Float32Array;
  /** Scores a row of the whole map. */
  readonly stride: number;
  /** Index of the level's first window. */
  readonly first: number;
  /** Windows of the level. */
  readonly columns: number;
  readonly rows: number;
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

/**
 * Where to look closer on a level: around every window of its gate that could be a face.
 *
 * @param found The scores of the gate.
 * @param windows Columns and rows of windows that the level has.
 * @returns Blocks of windows of the level; they may overlap.
 */
export function blocksToLookAt(
  found: LevelScores,
  gate: Level,
  level: Level,
  windows: { readonly columns: number; readonly rows: number },
): Block[] {
  const columns = Math.ceil(windows.columns / CELL_WINDOWS);
  const rows = Math.ceil(windows.rows / CELL_WINDOWS);
  const marks = new Uint8Array(columns * rows);
  const cellX = cellsAround(found.columns, level.scaleX / gate.scaleX, columns);
  const cellY = cellsAround(found.rows, level.scaleY / gate.scaleY, rows);
  for (let row = 0; row < found.rows; row++) {
    const start = found.first + row * found.stride;
    for (let column = 0; column < found.columns; column++) {
      if ((found.scores[start + column] as number) < CLOSER_SCORE) continue;
      const left = cellX[column * 2] as number;
      const right = cellX[column * 2 + 1] as number;
      const bottom = cellY[row * 2 + 1] as number;
      for (let y = cellY[row * 2] as number; y <= bottom; y++) {
        for (let x = left; x <= right; x++) marks[y * columns + x] = 1;
      }
    }
  }
  return coverMarks(marks, columns, CELL_WINDOWS).map((block) => within(block, windows));
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

function within(block: Block, { columns, rows }: { columns: number; rows: number }): Block {
  return {
    ...block,
    right: Math.min(columns, block.right),
    bottom: Math.min(rows, block.bottom),
  };
}
