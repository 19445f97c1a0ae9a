import { type Mat, opencv } from '../imaging/opencv.js';
import type { Candidates } from './boxes.js';
import type { HalvedPictures } from './halved-pictures.js';

/** How a batch of crops is made. */
export interface CropOptions {
  readonly sidePx: number;
  /**
   * Crops are taken from the smallest half of the picture that is still to be shrunk by this or
   * more: a window of 240 pixels has a hundred times the pixels that R-Net sees of it.
   */
  readonly rest: number;
  /** Interpolate between four pixels of the picture also where a crop shrinks. */
  readonly plain: boolean;
}

/**
 * Cuts candidates out and scales each to a square, black where it reaches over the picture. The
 * corners of the candidates become those that were cut: what a net says of a crop is relative to
 * them.
 *
 * @param out Receives count × sidePx × sidePx × 3 bytes, BGR.
 * @param first The candidate to begin with.
 */
export function cropBatch(
  pictures: HalvedPictures,
  { corners }: Candidates,
  { sidePx, rest, plain }: CropOptions,
  out: Uint8Array,
  first: number,
  count: number,
): void {
  const cropBytes = sidePx * sidePx * 3;
  for (let i = 0; i < count; i++) {
    const box = corners.subarray((first + i) * 4, (first + i) * 4 + 4);
    const [left = 0, top = 0, right = 0, bottom = 0] = box;
    const { picture, scale } = plain
      ? { picture: pictures.whole, scale: 1 }
      : pictures.for((right - left) / sidePx, rest);
    const x1 = Math.round(left * scale);
    const y1 = Math.round(top * scale);
    const x2 = Math.max(x1 + 1, Math.round(right * scale));
    const y2 = Math.max(y1 + 1, Math.round(bottom * scale));
    if (scale < 1) box.set([x1 / scale, y1 / scale, x2 / scale, y2 / scale]);
    const crop = cropOne(picture, { x1, y1, x2, y2 }, sidePx, plain);
    if (crop === undefined) {
      out.fill(0, i * cropBytes, (i + 1) * cropBytes);
      continue;
    }
    out.set(crop.getData(), i * cropBytes);
    crop.release();
  }
}

/** Corners in whole pixels of the picture; they may lie outside. */
interface Corners {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

/** Undefined when nothing of the box lies in the picture. */
function cropOne(
  bgr: Mat,
  { x1, y1, x2, y2 }: Corners,
  sidePx: number,
  plain: boolean,
): Mat | undefined {
  const cv = opencv();
  const left = Math.max(0, x1);
  const top = Math.max(0, y1);
  const right = Math.min(bgr.cols, x2);
  const bottom = Math.min(bgr.rows, y2);
  if (right <= left || bottom <= top) return undefined;
  let region = bgr.getRegion(new cv.Rect(left, top, right - left, bottom - top));
  if (left > x1 || top > y1 || right < x2 || bottom < y2) {
    const [above, below, before, after] = [top - y1, y2 - bottom, left - x1, x2 - right];
    const black = new cv.Vec3(0, 0, 0);
    const border = cv.BORDER_CONSTANT;
    const whole = region.copyMakeBorder(above, below, before, after, border, black);
    region.release();
    region = whole;
  }
  // By less than two, linear interpolation leaves no pixel out; further, so that nothing aliases,
  // in two steps, since OpenCV averages by exactly two many times as fast as by a crooked factor.
  if (!plain && x2 - x1 >= 2 * sidePx) {
    const double = region.resize(2 * sidePx, 2 * sidePx, 0, 0, cv.INTER_LINEAR);
    region.release();
    region = double;
  }
  const exactHalf = region.cols === 2 * sidePx && !plain;
  const crop = region.resize(sidePx, sidePx, 0, 0, exactHalf ? cv.INTER_AREA : cv.INTER_LINEAR);
  // A region keeps its whole picture alive until it is released or collected.
  region.release();
  return crop;
}
