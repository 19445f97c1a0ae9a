import type { Size } from '../domain/records.js';
import { type Mat, opencv } from '../imaging/opencv.js';

/** Side of the window that P-Net sees, and the stride of its outputs, in canvas pixels. */
export const PNET_WINDOW_PX = 12;
export const PNET_STRIDE_PX = 2;

/** One level of the pyramid and where it lies on the canvas. */
export interface Level {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Picture pixels a canvas pixel, horizontally and vertically. */
  readonly scaleX: number;
  readonly scaleY: number;
}

/** All levels of a pyramid laid out on one canvas. */
export interface Layout {
  readonly size: Size;
  readonly levels: readonly Level[];
}

/**
 * Plans the pyramid of a picture so that P-Net runs once: all levels are packed on shelves of one
 * canvas. Origins are multiples of the stride, so every window of a level is computed as if the
 * level were alone; windows that reach over a level's edge are ignored by the reader.
 *
 * @param minFacePx Smallest face, pixels of the picture.
 * @param factor Scale from one level to the next, below 1.
 * @returns An empty list of levels when the picture is smaller than the smallest face.
 */
export function planPyramid(picture: Size, minFacePx: number, factor: number): Layout {
  const sizes: Size[] = [];
  const shorter = Math.min(picture.width, picture.height);
  for (let scale = PNET_WINDOW_PX / minFacePx; shorter * scale >= PNET_WINDOW_PX; scale *= factor) {
    sizes.push({
      width: Math.ceil(picture.width * scale),
      height: Math.ceil(picture.height * scale),
    });
  }
  const first = sizes[0];
  if (first === undefined) return { size: { width: 0, height: 0 }, levels: [] };
  let best: Layout | undefined;
  for (let width = even(first.width); width <= first.width * 3; width += 8) {
    const layout = packShelves(sizes, width, picture);
    if (best === undefined || areaOf(layout.size) < areaOf(best.size)) best = layout;
  }
  return best ?? packShelves(sizes, even(first.width), picture);
}

const even = (value: number): number => value + (value % PNET_STRIDE_PX);
const areaOf = (size: Size): number => size.width * size.height;

/** Levels come largest first: each goes on the first shelf with room, else opens a new one. */
function packShelves(sizes: readonly Size[], widthPx: number, picture: Size): Layout {
  const shelves: { y: number; height: number; filled: number }[] = [];
  const levels: Level[] = [];
  let bottom = 0;
  let right = 0;
  for (const size of sizes) {
    let shelf = shelves.find((s) => s.filled + size.width <= widthPx && size.height <= s.height);
    if (shelf === undefined) {
      shelf = { y: bottom, height: even(size.height), filled: 0 };
      shelves.push(shelf);
      bottom += shelf.height;
    }
    levels.push({
      x: shelf.filled,
      y: shelf.y,
      width: size.width,
      height: size.height,
      scaleX: picture.width / size.width,
      scaleY: picture.height / size.height,
    });
    shelf.filled = even(shelf.filled + size.width);
    right = Math.max(right, shelf.filled);
  }
  return { size: { width: right, height: bottom }, levels };
}

/**
 * Draws the pyramid. The first level is averaged from the picture, each further one from the level
 * before it: one pass over the large picture instead of one a level.
 *
 * @param bgr The picture, CV_8UC3.
 * @returns The canvas as BGR bytes, row-major, of `layout.size`.
 */
export function drawPyramid(bgr: Mat, layout: Layout): Uint8Array {
  const cv = opencv();
  const canvas = new cv.Mat(layout.size.height, layout.size.width, cv.CV_8UC3);
  let above = bgr;
  for (const level of layout.levels) {
    const small = above.resize(level.height, level.width, 0, 0, shrinkMode(above, level));
    const place = canvas.getRegion(new cv.Rect(level.x, level.y, level.width, level.height));
    small.copyTo(place);
    place.release();
    if (above !== bgr) above.release();
    above = small;
  }
  if (above !== bgr) above.release();
  const bytes = canvas.getData();
  canvas.release();
  return bytes;
}

/** Averaging pays where many pixels become one; near 1:1 linear interpolation is as good. */
function shrinkMode(from: Mat, to: Size): number {
  const cv = opencv();
  return from.cols > to.width * 1.2 ? cv.INTER_AREA : cv.INTER_LINEAR;
}
