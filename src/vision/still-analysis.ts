import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { Face } from '../domain/records.js';
import { alignFace } from '../faces/alignment.js';
import { judgeQuality } from '../faces/quality.js';
import { decodeImage, encodeJpeg } from '../imaging/codec.js';
import type { Picture } from '../imaging/picture.js';
import type { FaceEngine } from './face-engine.js';
import type { AnalysedFace, Analysis } from './messages.js';

/** Photos with a longer side than this are searched in a smaller copy. */
const MAX_SIDE_PX = 2_000;

/**
 * Finds and embeds every face of a still image, for enrolment and identification.
 *
 * @param image A whole image file.
 * @returns The faces in pixels of the image, or why it cannot be read; never throws for bad images.
 */
export async function analyseImage(engine: FaceEngine, image: Uint8Array): Promise<Analysis> {
  let picture: Picture;
  try {
    picture = decodeImage(image);
  } catch (error) {
    const hint = error instanceof FaceEvalError ? error.hint : undefined;
    return { ok: false, error: messageOf(error), ...(hint === undefined ? {} : { hint }) };
  }
  try {
    const faces = await analysePicture(engine, picture);
    return { ok: true, frame: picture.size, faces };
  } finally {
    picture.release();
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

async function detectAtUsefulSize(engine: FaceEngine, picture: Picture): Promise<Face[]> {
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(picture.width, picture.height));
  if (scale === 1) return engine.detector.detect(picture);
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
