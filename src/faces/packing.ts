import type { Size } from '../domain/records.js';

/** Where something lies on a canvas, pixels. */
export interface Place extends Size {
  readonly x: number;
  readonly y: number;
}

/** Rectangles laid out on one canvas, in the order in which they were given. */
export interface Packing {
  readonly size: Size;
  readonly places: readonly Place[];
}

/** Origins are multiples of this, P-Net's stride: its windows fall as if each part were alone. */
const GRID_PX = 2;
/** How far apart the widths are that are tried for a canvas. */
const WIDTH_STEP_PX = 8;
/** Canvases that are packed anew for every frame have sides of multiples of these. */
const LOOSE_STEP_PX = 32;
const LOOSE_ROW_PX = 16;
/** How many widths are tried for them, from one that leaves the canvas twice as high as wide. */
const LOOSE_WIDTHS = 4;

/** The canvas of least area that holds all, over many widths: slow, for a plan that is kept. */
export function packTightly(sizes: readonly Size[]): Packing {
  const widest = Math.max(0, ...sizes.map((size) => onGrid(size.width)));
  let best = packInto(widest, sizes);
  for (let width = widest + WIDTH_STEP_PX; width <= widest * 3; width += WIDTH_STEP_PX) {
    const packing = packInto(width, sizes);
    if (areaOf(packing.size) < areaOf(best.size)) best = packing;
  }
  return best;
}

/**
 * A canvas that holds all without much waste, quickly: for what is packed anew for every frame. Its
 * size is one of few: some runtimes work out a plan for each.
 */
export function packLoosely(sizes: readonly Size[]): Packing {
  const widest = Math.max(0, ...sizes.map((size) => size.width));
  const area = sizes.reduce((sum, size) => sum + areaOf(size), 0);
  const least = Math.max(widest, Math.sqrt(area / 2));
  let best: Packing = { size: { width: 0, height: 0 }, places: [] };
  for (let tries = 0; tries < LOOSE_WIDTHS; tries++) {
    const width = (Math.ceil(least / LOOSE_STEP_PX) + tries) * LOOSE_STEP_PX;
    const { size, places } = packInto(width, sizes);
    const height = Math.ceil(size.height / LOOSE_ROW_PX) * LOOSE_ROW_PX;
    if (tries === 0 || width * height < areaOf(best.size)) {
      best = { size: { width, height }, places };
    }
  }
  return best;
}

/**
 * Packs into a canvas of a given width. The tallest come first; each goes into the smallest gap that
 * it fits, and leaves one beside and one below itself; where none fits, the canvas grows downwards.
 *
 * @param widthPx At least as wide as the widest.
 */
export function packInto(widthPx: number, sizes: readonly Size[]): Packing {
  const gaps: Place[] = [];
  const places: Place[] = [];
  let bottom = 0;
  let right = 0;
  for (const index of tallestFirst(sizes)) {
    const size = sizes[index] as Size;
    const width = onGrid(size.width);
    const height = onGrid(size.height);
    let gap = takeGap(gaps, width, height);
    if (gap === undefined) {
      gap = { x: 0, y: bottom, width: widthPx, height };
      bottom += height;
    }
    const { x, y } = gap;
    places[index] = { x, y, width: size.width, height: size.height };
    addGap(gaps, { x: x + width, y, width: gap.width - width, height: gap.height });
    addGap(gaps, { x, y: y + height, width, height: gap.height - height });
    right = Math.max(right, x + width);
  }
  return { size: { width: right, height: bottom }, places };
}

const onGrid = (value: number): number => Math.ceil(value / GRID_PX) * GRID_PX;
const areaOf = (size: Size): number => size.width * size.height;

function tallestFirst(sizes: readonly Size[]): number[] {
  const order = sizes.map((_, index) => index);
  return order.sort((i, j) => (sizes[j] as Size).height - (sizes[i] as Size).height);
}

function addGap(gaps: Place[], gap: Place): void {
  if (gap.width > 0 && gap.height > 0) gaps.push(gap);
}

/** Takes the smallest gap that has room out of the list. */
function takeGap(gaps: Place[], width: number, height: number): Place | undefined {
  let best: Place | undefined;
  for (const gap of gaps) {
    if (gap.width < width || gap.height < height) continue;
    if (best === undefined || areaOf(gap) < areaOf(best)) best = gap;
  }
  if (best !== undefined) gaps.splice(gaps.indexOf(best), 1);
  return best;
}

/**
 * Shares rectangles out among canvases, the largest first, each to the first that has room.
 *
 * @param areasPx Of the rectangles.
 * @param mostPx Of a canvas; a larger rectangle is alone on one.
 * @returns Indices of the rectangles of each canvas.
 */
export function shareOut(areasPx: readonly number[], mostPx: number): number[][] {
  const canvases: { members: number[]; px: number }[] = [];
  const largestFirst = areasPx.map((px, index) => ({ px, index })).sort((a, b) => b.px - a.px);
  for (const { px, index } of largestFirst) {
    const room = canvases.find((canvas) => canvas.px + px <= mostPx);
    if (room === undefined) canvases.push({ members: [index], px });
    else {
      room.members.push(index);
      room.px += px;
    }
  }
  return canvases.map(({ members }) => members.sort((a, b) => a - b));
}
