import { PNET_STRIDE_PX, PNET_WINDOW_PX } from './pyramid.js';

/** P-Net windows of a level side by side: columns and rows of its map, the last ones exclusive. */
export interface Block {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** What a block of windows needs of its level, beyond a stride a window. */
const BORDER_PX = PNET_WINDOW_PX - PNET_STRIDE_PX;

/** Pixels along a side of so many windows. */
export const spanPx = (windows: number): number => windows * PNET_STRIDE_PX + BORDER_PX;

/** Pixels that P-Net is fed for a block. */
export const costPx = (block: Block): number =>
  spanPx(block.right - block.left) * spanPx(block.bottom - block.top);

/**
 * Covers marked cells with few blocks: row by row, and joined wherever one block needs no more pixels
 * than two. Every block brings a border of its own, so what lies close together is one.
 *
 * @param marks One byte a cell, row-major, `columns` a row; not 0 is marked.
 * @param cellWindows Windows along a cell's side.
 * @returns Blocks that hold every marked cell; they may overlap, and reach over the last window.
 */
export function coverMarks(marks: Uint8Array, columns: number, cellWindows: number): Block[] {
  let blocks = runsOf(marks, columns, cellWindows);
  for (let count = Number.POSITIVE_INFINITY; blocks.length < count; ) {
    count = blocks.length;
    blocks = joined(blocks);
  }
  return blocks;
}

function runsOf(marks: Uint8Array, columns: number, cellWindows: number): Block[] {
  const runs: Block[] = [];
  for (let start = 0; start < marks.length; start += columns) {
    const top = (start / columns) * cellWindows;
    for (let column = 0; column < columns; column++) {
      if (marks[start + column] === 0) continue;
      const first = column;
      while (column < columns && marks[start + column] !== 0) column++;
      runs.push({
        left: first * cellWindows,
        top,
        right: column * cellWindows,
        bottom: top + cellWindows,
      });
    }
  }
  return runs;
}

/** Each block joins the earlier one with which it saves most, if it costs nothing. */
function joined(blocks: readonly Block[]): Block[] {
  const kept: Block[] = [];
  for (const block of blocks) {
    const alonePx = costPx(block);
    let best = -1;
    let mostPx = 0;
    for (let index = 0; index < kept.length; index++) {
      const other = kept[index] as Block;
      const width = Math.max(block.right, other.right) - Math.min(block.left, other.left);
      const height = Math.max(block.bottom, other.bottom) - Math.min(block.top, other.top);
      const savedPx = alonePx + costPx(other) - spanPx(width) * spanPx(height);
      if (savedPx < mostPx || (savedPx === mostPx && best >= 0)) continue;
      best = index;
      mostPx = savedPx;
    }
    if (best < 0) kept.push(block);
    else kept[best] = around(block, kept[best] as Block);
  }
  return kept;
}

function around(a: Block, b: Block): Block {
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

/** Most parts along a side that a block is cut into. */
const MOST_ALONG = 16;

/** Cuts a block into even parts of `mostPx` or less each, so that their borders cost least. */
export function tiles(block: Block, mostPx: number): Block[] {
  if (costPx(block) <= mostPx) return [block];
  let best: Block[] = [];
  let leastPx = Number.POSITIVE_INFINITY;
  for (let across = 1; across <= MOST_ALONG; across++) {
    for (let down = 1; down <= MOST_ALONG; down++) {
      const cut = grid(block, across, down);
      const sumPx = cut.reduce((sum, tile) => sum + costPx(tile), 0);
      if (sumPx >= leastPx || cut.some((tile) => costPx(tile) > mostPx)) continue;
      best = cut;
      leastPx = sumPx;
    }
  }
  // What even the finest grid leaves too large is better run at once.
  return best.length > 0 ? best : [block];
}

function grid({ left, top, right, bottom }: Block, across: number, down: number): Block[] {
  const columns = Math.ceil((right - left) / across);
  const rows = Math.ceil((bottom - top) / down);
  const cut: Block[] = [];
  for (let y = top; y < bottom; y += rows) {
    for (let x = left; x < right; x += columns) {
      cut.push({
        left: x,
        top: y,
        right: Math.min(right, x + columns),
        bottom: Math.min(bottom, y + rows),
      });
    }
  }
  return cut;
}
