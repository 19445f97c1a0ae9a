import { FaceEvalError } from '../domain/errors.js';
import type { Face } from '../domain/records.js';
import { ARCFACE_112, alignFace } from '../faces/alignment.js';
import { judgeQuality } from '../faces/quality.js';
import { decodeImage, encodeJpeg } from '../imaging/codec.js';
import type { Picture } from '../imaging/picture.js';
import type { FaceEngine } from './face-engine.js';
import type { AnalysedFace, Analysis } from './messages.js';

/** Side of an aligned face. */
const ALIGNED_PX = 112;
/** Photos with a longer side than this are searched in a smaller copy. */
const MAX_SIDE_PX = 2_000;

/**
 * Finds and embeds every face of a still image, for enrolment and identification.
 *
 * @param image A whole image file.
 * @returns The faces in pixels of the image, or why it cannot be read; never throws for bad images.
 */
export function analyseImage(engine: FaceEngine, image: Uint8Array): Promise<Analysis> {
  return analyseDecoded(image, (picture) => analysePicture(engine, picture));
}

/**
 * Embeds a face that was cut out and aligned before, for another recogniser.
 *
 * @param crop The crop of an {@link AnalysedFace}.
 * @returns One face with a new template; what quality says of size and pose is that of any aligned
 *   face. Never throws for bad images.
 */
export function analyseCrop(engine: FaceEngine, crop: Uint8Array): Promise<Analysis> {
  return analyseDecoded(crop, async (picture) => {
    if (picture.width !== ALIGNED_PX || picture.height !== ALIGNED_PX) {
      throw new FaceEvalError(
        'IMAGE',
        `an aligned face has ${ALIGNED_PX}×${ALIGNED_PX} pixels, not ` +
          `${picture.width}×${picture.height}`,
      );
    }
    const [template] = await engine.recogniser.embed([picture.bgr]);
    const face: AnalysedFace = {
      box: { x: 0, y: 0, width: ALIGNED_PX, height: ALIGNED_PX },
      score: 1,
      landmarks: ARCFACE_112,
      quality: judgeQuality(ARCFACE_112, 1, picture.bgr),
      template: template as Float32Array,
      crop,
    };
    return [face];
  });
}

async function analyseDecoded(
  image: Uint8Array,
  analyse: (picture: Picture) => Promise<AnalysedFace[]>,
): Promise<Analysis> {
  let picture: Picture | undefined;
  try {
    picture = decodeImage(image);
    return { ok: true, frame: picture.size, faces: await analyse(picture) };
  } catch (error) {
    if (!(error instanceof FaceEvalError)) throw error;
    const { message, hint } = error;
    return { ok: false, error: message, ...(hint !== undefined && { hint }) };
  } finally {
    picture?.release();
  }
}

/** As {@link analyseImage}, for a decoded picture. */
export async function analysePicture(
  engine: FaceEngine,
  picture: Picture,
): Promise<AnalysedFace[]> {
  const faces = await detectAtUsefulSize(engine, picture);
  const aligned = faces.map((face) => alignFace(picture, face.landmarks));
  const templates = await engine.recogniser.embed(aligned);
  const live = await engine.liveness?.judge(
    picture,
    faces.map(({ box }) => box),
  );
  return faces.map((face, index) => {
    const mat = aligned[index] as (typeof aligned)[number];
    const analysed = {
      ...face,
      quality: judgeQuality(face.landmarks, face.score, mat),
      template: templates[index] as Float32Array,
      ...(live === undefined ? {} : { liveness: live[index] as number }),
      crop: encodeJpeg(mat, 92),
    };
    mat.release();
    return analysed;
  });
}

/** Finds faces, in pixels of the picture; a very large one is searched in a smaller copy. */
export function detectAtUsefulSize(engine: FaceEngine, picture: Picture): Promise<Face[]> {
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(picture.width, picture.height));
  return scale === 1
    ? engine.detector.detect(picture)
    : detectInSmallerCopy(engine, picture, scale);
}

/** Finds faces in a copy of `scale` of the size; boxes and landmarks are those of the picture. */
export async function detectInSmallerCopy(
  engine: FaceEngine,
  picture: Picture,
  scale: number,
): Promise<Face[]> {
  const small = picture.scaled(scale);
  const faces = await engine.detector.detect(small);
  small.release();
  const point = (p: { x: number; y: number }) => ({ x: p.x / scale, y: p.y / scale });
  return faces.map(({ box, score, landmarks: [a, b, c, d, e] }) => ({
    score,
    box: {
      ...point(box),
      width: box.width / scale,
      height: box.height / scale,
    },
    landmarks: [point(a), point(b), point(c), point(d), point(e)],
  }));
}
