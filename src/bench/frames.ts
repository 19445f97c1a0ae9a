import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { FaceEvalError } from '../domain/errors.js';
import type { Box, Size } from '../domain/records.js';
import type { Mtcnn } from '../faces/mtcnn.js';
import { decodeImage } from '../imaging/codec.js';
import { type Mat, opencv } from '../imaging/opencv.js';
import { Picture } from '../imaging/picture.js';

/** Photos of groups that the npm package @vladmandic/face-api ships (MIT). */
const PACKAGE = '@vladmandic/face-api';
const PHOTOS = ['sample1.jpg', 'sample3.jpg', 'sample4.jpg', 'sample6.jpg'];

/** How much larger than the face's box the pasted head is. */
const HEAD_MARGIN = 1.9;

/**
 * Puts so many heads on a picture, in rows, on a plain background.
 *
 * @param detector Finds the heads in the sample photos; its smallest face should be 60 px or more.
 * @param headPx Side of a pasted head; the face in it takes about half.
 * @throws FaceEvalError USAGE when the photos are not installed or have too few faces.
 */
export async function composeFrame(
  detector: Mtcnn,
  faces: number,
  size: Size,
  headPx: number,
): Promise<Picture> {
  const cv = opencv();
  const canvas = new cv.Mat(size.height, size.width, cv.CV_8UC3, [96, 104, 112]);
  const perRow = Math.min(faces, Math.floor(size.width / headPx));
  const rows = Math.ceil(faces / perRow);
  let placed = 0;
  for await (const head of sampleHeads(detector)) {
    if (placed === faces) break;
    const column = placed % perRow;
    const row = Math.floor(placed / perRow);
    const x = Math.round(((column + 0.5) * size.width) / perRow - headPx / 2);
    const y = Math.round(((row + 0.5) * size.height) / rows - headPx / 2);
    const scaled = head.resize(headPx, headPx, 0, 0, cv.INTER_AREA);
    scaled.copyTo(canvas.getRegion(new cv.Rect(x, y, headPx, headPx)));
    placed++;
  }
  if (placed < faces) {
    throw new FaceEvalError('USAGE', `the sample photos have ${placed} faces, ${faces} are needed`);
  }
  return Picture.fromBgr(canvas);
}

async function* sampleHeads(detector: Mtcnn): AsyncGenerator<Mat> {
  const cv = opencv();
  for (const name of PHOTOS) {
    const photo = decodeImage(await readFile(photoPath(name)));
    for (const { box } of await detector.detect(photo)) {
      const square = headSquare(box, photo.size);
      if (square === null) continue;
      yield photo.bgr.getRegion(new cv.Rect(square.x, square.y, square.side, square.side));
    }
    photo.release();
  }
}

/** Null when the head reaches over the photo. */
function headSquare(box: Box, photo: Size): { x: number; y: number; side: number } | null {
  const side = Math.round(Math.max(box.width, box.height) * HEAD_MARGIN);
  const x = Math.round(box.x + box.width / 2 - side / 2);
  const y = Math.round(box.y + box.height / 2 - side / 2);
  const inside = x >= 0 && y >= 0 && x + side <= photo.width && y + side <= photo.height;
  return inside ? { x, y, side } : null;
}

function photoPath(name: string): string {
  const require = createRequire(import.meta.url);
  let path: string | undefined;
  try {
    path = join(dirname(require.resolve(`${PACKAGE}/package.json`)), 'demo', name);
  } catch {
    path = undefined;
  }
  if (path !== undefined && existsSync(path)) return path;
  throw new FaceEvalError('USAGE', `the sample photos of ${PACKAGE} are not installed`, {
    hint: 'run the bench in a checkout of faceeval, after scripts/setup',
  });
}
