import type { Size } from '../domain/records.js';
import { type Mat, opencv } from '../imaging/opencv.js';
import type { Place } from './packing.js';

/** A part of a picture and the place on the canvas that it goes to. */
export interface Cutting {
  readonly from: Mat;
  /** Its first column and row in the picture. */
  readonly x: number;
  readonly y: number;
  /** Where it goes, and its size; beyond the picture its edge goes on. */
  readonly place: Place;
}

/** Puts parts of pictures on one canvas: BGR bytes, row-major, of `size`. */
export function drawCanvas(size: Size, cuttings: readonly Cutting[]): Uint8Array {
  const cv = opencv();
  const canvas = new cv.Mat(size.height, size.width, cv.CV_8UC3);
  for (const { from, x, y, place } of cuttings) {
    const into = canvas.getRegion(new cv.Rect(place.x, place.y, place.width, place.height));
    const part = cut(from, x, y, place);
    part.copyTo(into);
    // A region keeps its whole picture alive until it is released or collected.
    into.release();
    part.release();
  }
  const bytes = canvas.getData();
  canvas.release();
  return bytes;
}

function cut(from: Mat, x: number, y: number, { width, height }: Place): Mat {
  const cv = opencv();
  const right = Math.max(0, x + width - from.cols);
  const below = Math.max(0, y + height - from.rows);
  const part = from.getRegion(new cv.Rect(x, y, width - right, height - below));
  if (right === 0 && below === 0) return part;
  const wider = part.copyMakeBorder(0, below, 0, right, cv.BORDER_REPLICATE);
  part.release();
  return wider;
}
