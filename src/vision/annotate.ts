import type { Box, Landmarks } from '../domain/records.js';
import { type Mat, opencv } from '../imaging/opencv.js';

/** Blue, green, red. */
export type Colour = readonly [number, number, number];

export const RECOGNISED: Colour = [80, 200, 60];
export const UNKNOWN: Colour = [40, 140, 240];

/** One box to draw, with a caption above it. */
export interface Annotation {
  readonly box: Box;
  readonly landmarks?: Landmarks;
  readonly caption: string;
  readonly colour: Colour;
}

/** Draws boxes, landmarks and captions into a BGR picture. OpenCV's font has ASCII only. */
export function annotate(bgr: Mat, annotations: readonly Annotation[]): void {
  const cv = opencv();
  const linePx = Math.max(1, Math.round(bgr.cols / 400));
  const fontScale = Math.max(0.4, bgr.cols / 1100);
  for (const { box, landmarks, caption, colour } of annotations) {
    const [blue, green, red] = colour;
    const ink = new cv.Vec3(blue, green, red);
    const x = Math.round(box.x);
    const y = Math.round(box.y);
    bgr.drawRectangle(
      new cv.Rect(x, y, Math.round(box.width), Math.round(box.height)),
      ink,
      linePx,
      cv.LINE_AA,
    );
    for (const point of landmarks ?? []) {
      bgr.drawCircle(
        new cv.Point2(Math.round(point.x), Math.round(point.y)),
        linePx,
        ink,
        -1,
        cv.LINE_AA,
      );
    }
    const text = caption.normalize('NFD').replace(/[^\x20-\x7e]/g, '');
    const baseline = Math.max(Math.round(fontScale * 26), y - linePx * 3);
    bgr.putText(
      text,
      new cv.Point2(Math.max(0, x), baseline),
      cv.FONT_HERSHEY_SIMPLEX,
      fontScale,
      ink,
      linePx,
      cv.LINE_AA,
    );
  }
}
