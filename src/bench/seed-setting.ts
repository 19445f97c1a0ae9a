import type { Face } from '../domain/records.js';
import { type Mtcnn, type MtcnnParameters, SEED_NMS } from '../faces/mtcnn.js';
import { opencv } from '../imaging/opencv.js';
import { Picture } from '../imaging/picture.js';

/** How the seed's edge demo sets MTCNN. */
export const SEED_PARAMETERS: MtcnnParameters = {
  minFacePx: 20,
  pyramidFactor: 0.79,
  thresholds: [0.9, 0.6, 0.7],
  nms: SEED_NMS,
  maxFaces: 32,
  asPublished: true,
};

/** The seed's demo scales its frame by this first. */
export const SEED_SCALE = 0.4;

/**
 * Detects on a smaller copy of the picture.
 *
 * @returns Faces in pixels of the smaller copy.
 */
export async function detectScaled(
  detector: Mtcnn,
  picture: Picture,
  scale: number,
): Promise<Face[]> {
  if (scale === 1) return detector.detect(picture);
  const cv = opencv();
  const { width, height } = picture;
  const rows = Math.round(height * scale);
  const cols = Math.round(width * scale);
  // As the seed scales: without averaging.
  const small = Picture.fromBgr(picture.bgr.resize(rows, cols, 0, 0, cv.INTER_LINEAR));
  const faces = await detector.detect(small);
  small.release();
  return faces;
}
