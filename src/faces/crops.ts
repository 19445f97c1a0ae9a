import { type Mat, opencv } from '../imaging/opencv.js';
import type { Candidates } from './boxes.js';

/**
 * Cuts every candidate out and scales it to a square, black where it reaches over the picture.
 *
 * @param bgr The picture, CV_8UC3.
 * @param out Receives count × sidePx × sidePx × 3 bytes, BGR.
 */
export function cropBatch(bgr: Mat, candidates: Candidates, sidePx: number, out: Uint8Array): void {
  const cropBytes = sidePx * sidePx * 3;
  for (let i = 0; i < candidates.count; i++) {
    const x1 = Math.round(candidates.corners[i * 4] as number);
    const y1 = Math.round(candidates.corners[i * 4 + 1] as number);
    const x2 = Math.max(x1 + 1, Math.round(candidates.corners[i * 4 + 2] as number));
    const y2 = Math.max(y1 + 1, Math.round(candidates.corners[i * 4 + 3] as number));
    const inside = x1 >= 0 && y1 >= 0 && x2 <= bgr.cols && y2 <= bgr.rows;
    const crop = inside
      ? shrink(bgr, x1, y1, x2 - x1, y2 - y1, sidePx, sidePx)
      : cropOverEdge(bgr, x1, y1, x2, y2, sidePx);
    if (crop === undefined) {
      out.fill(0, i * cropBytes, (i + 1) * cropBytes);
      continue;
    }
    out.set(crop.getData(), i * cropBytes);
    crop.release();
  }
}

/** Scales one region of the picture; averages where it shrinks, so that nothing aliases. */
function shrink(
  bgr: Mat,
  x: number,
  y: number,
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
): Mat {
  const cv = opencv();
  const mode = width > toWidth ? cv.INTER_AREA : cv.INTER_LINEAR;
  const region = bgr.getRegion(new cv.Rect(x, y, width, height));
  const crop = region.resize(toHeight, toWidth, 0, 0, mode);
  // A region keeps its whole picture alive until it is released or collected.
  region.release();
  return crop;
}

/** Undefined when nothing of the box lies in the picture. */
function cropOverEdge(
  bgr: Mat,
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  sidePx: number,
): Mat | undefined {
  const cv = opencv();
  const left = Math.max(0, x1);
  const top = Math.max(0, y1);
  const width = Math.min(bgr.cols, x2) - left;
  const height = Math.min(bgr.rows, y2) - top;
  if (width < 1 || height < 1) return undefined;
  const scaleX = sidePx / (x2 - x1);
  const scaleY = sidePx / (y2 - y1);
  const toX = Math.min(sidePx - 1, Math.round((left - x1) * scaleX));
  const toY = Math.min(sidePx - 1, Math.round((top - y1) * scaleY));
  const toWidth = Math.max(1, Math.min(sidePx - toX, Math.round(width * scaleX)));
  const toHeight = Math.max(1, Math.min(sidePx - toY, Math.round(height * scaleY)));
  const crop = new cv.Mat(sidePx, sidePx, cv.CV_8UC3, [0, 0, 0]);
  const part = shrink(bgr, left, top, width, height, toWidth, toHeight);
  const place = crop.getRegion(new cv.Rect(toX, toY, toWidth, toHeight));
  part.copyTo(place);
  place.release();
  part.release();
  return crop;
}
