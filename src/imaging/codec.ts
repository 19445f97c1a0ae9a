import { imageSize } from 'image-size';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { Box } from '../domain/records.js';
import { type Mat, opencv } from './opencv.js';
import { Picture } from './picture.js';
import { webpOrientation } from './webp-orientation.js';
import { isWholeJpeg } from './whole-jpeg.js';

/** Larger files and pictures are refused before a byte is decoded: they would exhaust a Pi. */
const MAX_IMAGE_BYTES = 32 * 1024 * 1024;
const MAX_IMAGE_PIXELS = 50_000_000;

const HINT = 'give a JPEG, PNG, WebP, BMP or TIFF photo of at most 50 megapixels';
/** Formats that image-size names and OpenCV reads. */
const READ_TYPES: readonly string[] = ['jpg', 'png', 'webp', 'bmp', 'tiff'];

/** By EXIF orientation, after a transposition from 5 on: 0 is top to bottom, 1 left to right, -1 both. */
const FLIPS: Readonly<Record<number, number>> = { 2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0 };

/**
 * Decodes a still image; a JPEG, PNG or WebP is turned upright by its EXIF orientation.
 *
 * @param bytes A whole JPEG, PNG, WebP, BMP or TIFF file.
 * @throws FaceEvalError IMAGE when it is empty, too large, cut short, of another format or no image.
 */
export function decodeImage(bytes: Uint8Array): Picture {
  const type = checkedType(bytes);
  if (type === 'jpg' && !isWholeJpeg(bytes)) {
    throw new FaceEvalError('IMAGE', 'the image is cut short: copy it again', { hint: HINT });
  }
  const cv = opencv();
  let mat: Mat;
  try {
    // Without the flag a grey picture would come with one channel, which nothing here expects.
    mat = cv.imdecode(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      // A WebP is turned here, whatever later versions of OpenCV do.
      type === 'webp' ? cv.IMREAD_COLOR | cv.IMREAD_IGNORE_ORIENTATION : cv.IMREAD_COLOR,
    );
  } catch (cause) {
    throw new FaceEvalError('IMAGE', `the image cannot be decoded: ${messageOf(cause)}`, {
      hint: HINT,
      cause,
    });
  }
  if (mat.empty) {
    const message = READ_TYPES.includes(type)
      ? 'the image is damaged or cut short'
      : `${type.toUpperCase()} files are not read: save it as JPEG`;
    throw new FaceEvalError('IMAGE', message, { hint: HINT });
  }
  return Picture.fromBgr(type === 'webp' ? turned(mat, webpOrientation(bytes)) : mat);
}

/** @param orientation Of EXIF, 1 (upright) to 8. */
function turned(mat: Mat, orientation: number): Mat {
  const upright = orientation > 4 ? mat.transpose() : mat;
  const flip = FLIPS[orientation];
  return flip === undefined ? upright : upright.flip(flip);
}

/** The format of an image that is not too large, as image-size names it. */
function checkedType(bytes: Uint8Array): string {
  if (bytes.byteLength === 0) throw new FaceEvalError('IMAGE', 'the file is empty', { hint: HINT });
  if (bytes.byteLength > MAX_IMAGE_BYTES) {
    const sizeMiB = Math.round(bytes.byteLength / 1024 / 1024);
    throw new FaceEvalError('IMAGE', `the file has ${sizeMiB} MiB; at most 32 MiB are read`, {
      hint: HINT,
    });
  }
  let size: ReturnType<typeof imageSize>;
  try {
    size = imageSize(bytes);
  } catch (cause) {
    throw new FaceEvalError('IMAGE', 'the file is not an image of a known format', {
      hint: HINT,
      cause,
    });
  }
  if (size.width * size.height > MAX_IMAGE_PIXELS) {
    throw new FaceEvalError(
      'IMAGE',
      `the picture has ${size.width}×${size.height} pixels; at most 50 megapixels are decoded`,
      { hint: HINT },
    );
  }
  return size.type ?? 'unknown';
}

/** PNG of a BGR Mat, without loss. */
export function encodePng(mat: Mat): Uint8Array {
  return opencv().imencode('.png', mat);
}

/** JPEG of a BGR Mat. `quality` is 1..100. */
export function encodeJpeg(mat: Mat, quality: number): Uint8Array {
  const cv = opencv();
  return cv.imencode('.jpg', mat, [cv.IMWRITE_JPEG_QUALITY, quality]);
}

/** Longest side of a thumbnail, pixels; keeps it near 10 KB. */
const THUMBNAIL_PX = 200;
/** How much larger than the face box a thumbnail is. */
const THUMBNAIL_MARGIN = 1.6;

/** JPEG of a face with some surroundings, at most 200 px long. */
export function encodeThumbnail(picture: Picture, box: Box): Uint8Array {
  const cv = opencv();
  const sidePx = Math.max(box.width, box.height) * THUMBNAIL_MARGIN;
  const left = Math.max(0, Math.round(box.x + box.width / 2 - sidePx / 2));
  const top = Math.max(0, Math.round(box.y + box.height / 2 - sidePx / 2));
  const width = Math.max(1, Math.min(picture.width - left, Math.round(sidePx)));
  const height = Math.max(1, Math.min(picture.height - top, Math.round(sidePx)));
  const region = picture.bgr.getRegion(new cv.Rect(left, top, width, height));
  const scale = Math.min(1, THUMBNAIL_PX / Math.max(width, height));
  if (scale === 1) {
    const jpeg = encodeJpeg(region, 80);
    region.release();
    return jpeg;
  }
  const small = region.resize(
    Math.max(1, Math.round(height * scale)),
    Math.max(1, Math.round(width * scale)),
    0,
    0,
    cv.INTER_AREA,
  );
  region.release();
  const jpeg = encodeJpeg(small, 80);
  small.release();
  return jpeg;
}
