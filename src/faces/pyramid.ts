import type { Size } from '../domain/records.js';
import { type Mat, opencv } from '../imaging/opencv.js';
import type { HalvedPictures } from './halved-pictures.js';

/** Side of the window that P-Net sees, and the stride of its outputs, in canvas pixels. */
export const PNET_WINDOW_PX = 12;
export const PNET_STRIDE_PX = 2;

/** One level of the pyramid and where it lies on the canvas. */
export interface Level {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Canvas pixels a picture pixel, horizontally and vertically. */
  readonly scaleX: number;
  readonly scaleY: number;
  /** What both would be if the level's size had not been rounded up. */
  readonly nominalScale: number;
}

/** All levels of a pyramid laid out on one canvas. */
export interface Layout {
  readonly size: Size;
  readonly levels: readonly Level[];
}

/**
 * Plans the pyramid of a picture so that P-Net runs once: all levels are packed on one canvas. Origins are multiples of the stride, so every window of a level is computed as if the
 * level were alone; windows that reach over a level's edge are ignored by the reader.
 *
 * @param minFacePx Smallest face, pixels of the picture.
 * @param factor Scale from one level to the next, below 1.
 * @returns An empty list of levels when the picture is smaller than the smallest face.
 */
export function planPyramid(picture: Size, minFacePx: number, factor: number): Layout {
  const sizes: LevelSize[] = [];
  const shorter = Math.min(picture.width, picture.height);
  for (let scale = PNET_WINDOW_PX / minFacePx; shorter * scale >= PNET_WINDOW_PX; scale *= factor) {
    sizes.push({
      width: Math.ceil(picture.width * scale),
      height: Math.ceil(picture.height * scale),
      nominalScale: scale,
    });
  }
  const first = sizes[0];
  if (first === undefined) return { size: { width: 0, height: 0 }, levels: [] };
  let best: Layout | undefined;
  for (let width = even(first.width); width <= first.width * 3; width += 8) {
    const layout = packLevels(sizes, width, picture);
    if (best === undefined || areaOf(layout.size) < areaOf(best.size)) best = layout;
  }
  return best ?? packLevels(sizes, even(first.width), picture);
}

interface LevelSize extends Size {
  readonly nominalScale: number;
}

const even = (value: number): number => value + (value % PNET_STRIDE_PX);
const areaOf = (size: Size): number => size.width * size.height;

/** A place on the canvas that is still empty. */
interface Gap extends Size {
  readonly x: number;
  readonly y: number;
}

/**
 * Levels come largest first. Each goes into the smallest gap that it fits, and leaves one beside and
 * one below itself; where none fits, the canvas grows downwards.
 */
function packLevels(sizes: readonly LevelSize[], widthPx: number, picture: Size): Layout {
  const gaps: Gap[] = [];
  const levels: Level[] = [];
  let bottom = 0;
  let right = 0;
  for (const size of sizes) {
    const width = even(size.width);
    const height = even(size.height);
    let gap = takeGap(gaps, width, height);
    if (gap === undefined) {
      gap = { x: 0, y: bottom, width: widthPx, height };
      bottom += height;
    }
    levels.push({
      x: gap.x,
      y: gap.y,
      width: size.width,
      height: size.height,
      scaleX: size.width / picture.width,
      scaleY: size.height / picture.height,
      nominalScale: size.nominalScale,
    });
    gaps.push({ x: gap.x + width, y: gap.y, width: gap.width - width, height: gap.height });
    gaps.push({ x: gap.x, y: gap.y + height, width, height: gap.height - height });
    right = Math.max(right, gap.x + width);
  }
  return { size: { width: right, height: bottom }, levels };
}

/** Takes the smallest gap that has room out of the list. */
function takeGap(gaps: Gap[], width: number, height: number): Gap | undefined {
  const fitting = gaps
    .filter((gap) => width <= gap.width && height <= gap.height)
    .sort((a, b) => areaOf(a) - areaOf(b));
  const [best] = fitting;
  if (best !== undefined) gaps.splice(gaps.indexOf(best), 1);
  return best;
}

/**
 * Draws the pyramid. The first level is made from a half of the picture, each further one from the
 * level before it: one pass over the large picture instead of one a level.
 *
 * @param pictures The picture, CV_8UC3, and its halves.
 * @param plain Interpolate each level between four pixels of the picture instead of averaging.
 * @returns The canvas as BGR bytes, row-major, of `layout.size`.
 */
export function drawPyramid(pictures: HalvedPictures, layout: Layout, plain = false): Uint8Array {
  const cv = opencv();
  const canvas = new cv.Mat(layout.size.height, layout.size.width, cv.CV_8UC3);
  let above: Mat | undefined;
  for (const level of layout.levels) {
    const from = plain
      ? pictures.whole
      : (above ?? pictures.for(1 / level.nominalScale, 1).picture);
    // By less than two, linear interpolation leaves no pixel out, and averaging by a crooked
    // factor is slow.
    const mode = from.cols > level.width * 2 && !plain ? cv.INTER_AREA : cv.INTER_LINEAR;
    const small = from.resize(level.height, level.width, 0, 0, mode);
    const place = canvas.getRegion(new cv.Rect(level.x, level.y, level.width, level.height));
    small.copyTo(place);
    place.release();
    above?.release();
    above = small;
  }
  above?.release();
  const bytes = canvas.getData();
  canvas.release();
  return bytes;
}
