import type { Landmarks, Point } from '../domain/records.js';
import { type Mat, opencv } from '../imaging/opencv.js';
import type { Picture } from '../imaging/picture.js';

/**
 * Where the five landmarks of an aligned 112×112 face lie: the points of the 96-wide crop of
 * SphereFace moved 8 px to the right, which is what ArcFace-type models are trained with.
 */
export const ARCFACE_112: Landmarks = [
  { x: 38.2946, y: 51.6963 },
  { x: 73.5318, y: 51.5014 },
  { x: 56.0252, y: 71.7366 },
  { x: 41.5493, y: 92.3655 },
  { x: 70.7299, y: 92.2041 },
];

/**
 * The same points without the move, as the seed's demo puts them on a 112-wide crop: 8 px too far
 * left for a model trained with {@link ARCFACE_112}, right for one trained with these.
 */
export const UNSHIFTED_112: Landmarks = [
  { x: 30.2946, y: 51.6963 },
  { x: 65.5318, y: 51.5014 },
  { x: 48.0252, y: 71.7366 },
  { x: 33.5493, y: 92.3655 },
  { x: 62.7299, y: 92.2041 },
];

/** Rotation, uniform scale and translation: (x, y) → (a·x − b·y + tx, b·x + a·y + ty). */
export interface Similarity {
  readonly a: number;
  readonly b: number;
  readonly tx: number;
  readonly ty: number;
}

/**
 * Least-squares similarity that takes `from` to `to`, without reflection (Umeyama 1991, in its
 * closed form for the plane).
 */
export function fitSimilarity(from: readonly Point[], to: readonly Point[]): Similarity {
  const n = from.length;
  const mean = (points: readonly Point[]): Point => ({
    x: points.reduce((sum, p) => sum + p.x, 0) / n,
    y: points.reduce((sum, p) => sum + p.y, 0) / n,
  });
  const fromMean = mean(from);
  const toMean = mean(to);
  let spread = 0;
  let dot = 0;
  let cross = 0;
  for (const [index, point] of from.entries()) {
    const target = to[index];
    if (target === undefined) throw new RangeError('both point lists must have the same length');
    const fx = point.x - fromMean.x;
    const fy = point.y - fromMean.y;
    const gx = target.x - toMean.x;
    const gy = target.y - toMean.y;
    spread += fx * fx + fy * fy;
    dot += fx * gx + fy * gy;
    cross += fx * gy - fy * gx;
  }
  const a = spread === 0 ? 1 : dot / spread;
  const b = spread === 0 ? 0 : cross / spread;
  return {
    a,
    b,
    tx: toMean.x - a * fromMean.x + b * fromMean.y,
    ty: toMean.y - b * fromMean.x - a * fromMean.y,
  };
}

/**
 * Cuts the face out so that its landmarks lie on the template.
 *
 * @param sidePx Side of the square result; the template is scaled with it.
 * @param template112 Where the landmarks go on a face of 112×112.
 * @returns BGR CV_8UC3 of sidePx × sidePx, black outside the picture.
 */
export function alignFace(
  picture: Picture,
  landmarks: Landmarks,
  sidePx = 112,
  template112 = ARCFACE_112,
): Mat {
  const cv = opencv();
  const scale = sidePx / 112;
  const template = template112.map((p) => ({ x: p.x * scale, y: p.y * scale }));
  const { a, b, tx, ty } = fitSimilarity(landmarks, template);
  const matrix = new cv.Mat(
    [
      [a, -b, tx],
      [b, a, ty],
    ],
    cv.CV_64F,
  );
  return picture.bgr.warpAffine(matrix, new cv.Size(sidePx, sidePx), cv.INTER_LINEAR);
}
