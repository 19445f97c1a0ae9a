import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { Template } from '../domain/records.js';
import { alignFace } from '../faces/alignment.js';
import { type Embedder, normalise } from '../faces/embedder.js';
import type { Mtcnn } from '../faces/mtcnn.js';
import { subjectOf } from '../faces/subject.js';
import { decodeImage, encodePng } from '../imaging/codec.js';
import { type Mat, opencv } from '../imaging/opencv.js';
import type { Picture } from '../imaging/picture.js';
import type { ImagePair } from './lfw-pairs.js';
import {
  equalErrorRate,
  type FoldResult,
  foldAccuracy,
  type RocPoint,
  rocCurve,
  type ScoredPairs,
  tarAtFar,
} from './verification.js';

/** What the evaluation runs on. */
export interface LfwSetup {
  readonly detector: Mtcnn;
  readonly recogniser: Embedder;
  readonly imagesDir: string;
  readonly pairs: readonly ImagePair[];
  /** Add the template of the mirrored face to each template. */
  readonly flip: boolean;
  /** Folder that takes the aligned crops as PNG under the images' names, for other programs. */
  readonly cropsDir?: string | undefined;
  /** Told after each batch of images. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface LfwResult extends FoldResult {
  readonly images: number;
  /** Images in which a face was found. */
  readonly detected: number;
  readonly pairs: number;
  readonly eer: number;
  /** False-accept rates 0.01, 0.001 and 0.0001. */
  readonly tarAtFar: Readonly<Record<'0.01' | '0.001' | '0.0001', RocPoint>>;
  readonly curve: readonly RocPoint[];
  /** Time of the detector alone on one image, decoded already. */
  readonly detectMs: { readonly p50: number; readonly p90: number };
  readonly seconds: number;
}

/** Parts of the pairs: a threshold is chosen on all but one and judged on that one. */
const FOLDS = 10;
/** Faces that are embedded in one run. */
const BATCH = 16;

/**
 * Runs the whole chain, detector to template, over every image that the pairs name, and verifies
 * the pairs. An image without a face takes part with the middle of the picture, as a person in
 * front of the camera would: it is not left out.
 *
 * @throws FaceEvalError IMAGE when an image cannot be read, USAGE when the pairs are too few,
 *   STORE when a crop cannot be kept.
 */
export async function evaluateLfw(setup: LfwSetup): Promise<LfwResult> {
  if (setup.pairs.length < FOLDS) {
    throw new FaceEvalError(
      'USAGE',
      `${setup.pairs.length} pairs are too few: ${FOLDS} are the least`,
      {
        hint: 'the pairs.txt of LFW view 2 has 6000',
      },
    );
  }
  const startMs = performance.now();
  const paths = [...new Set(setup.pairs.flatMap((pair) => [pair.first, pair.second]))];
  const templates = new Map<string, Template>();
  const detectMs: number[] = [];
  let detected = 0;
  for (let first = 0; first < paths.length; first += BATCH) {
    const batch = paths.slice(first, first + BATCH);
    const aligned: Mat[] = [];
    for (const path of batch) {
      const picture = await openImage(join(setup.imagesDir, path));
      const detectStartMs = performance.now();
      const faces = await setup.detector.detect(picture);
      detectMs.push(performance.now() - detectStartMs);
      const face = subjectOf(faces, picture.size);
      if (face !== undefined) detected++;
      aligned.push(face === undefined ? cropMiddle(picture) : alignFace(picture, face.landmarks));
      picture.release();
    }
    if (setup.cropsDir !== undefined) await keepCrops(setup.cropsDir, batch, aligned);
    const vectors = await embedFaces(setup.recogniser, aligned, setup.flip);
    for (const [index, path] of batch.entries()) templates.set(path, vectors[index] as Template);
    for (const mat of aligned) mat.release();
    setup.onProgress?.(first + batch.length, paths.length);
  }
  const scored = scorePairs(setup.pairs, templates);
  const curve = rocCurve(scored);
  return {
    images: paths.length,
    detected,
    pairs: setup.pairs.length,
    ...foldAccuracy(scored, FOLDS),
    eer: equalErrorRate(curve),
    tarAtFar: {
      '0.01': tarAtFar(curve, 0.01),
      '0.001': tarAtFar(curve, 0.001),
      '0.0001': tarAtFar(curve, 0.0001),
    },
    curve,
    detectMs: { p50: quantile(detectMs, 0.5), p90: quantile(detectMs, 0.9) },
    seconds: (performance.now() - startMs) / 1000,
  };
}

async function openImage(path: string): Promise<Picture> {
  try {
    return decodeImage(await readFile(path));
  } catch (cause) {
    throw new FaceEvalError('IMAGE', `cannot read ${path}: ${messageOf(cause)}`, {
      hint: 'the folder of images holds <Name>/<Name>_0001.jpg',
      cause,
    });
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}

function cropMiddle(picture: Picture): Mat {
  const cv = opencv();
  const side = Math.round(Math.min(picture.width, picture.height) / 2);
  const left = (picture.width - side) >> 1;
  const top = (picture.height - side) >> 1;
  return picture.bgr.getRegion(new cv.Rect(left, top, side, side)).resize(112, 112);
}

async function keepCrops(
  folder: string,
  paths: readonly string[],
  crops: readonly Mat[],
): Promise<void> {
  for (const [index, path] of paths.entries()) {
    const target = join(folder, path.replace(/\.[^./]+$/, '.png'));
    try {
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, encodePng(crops[index] as Mat));
    } catch (cause) {
      throw new FaceEvalError('STORE', `cannot keep the crop ${target}: ${messageOf(cause)}`, {
        cause,
      });
    }
  }
}

async function embedFaces(
  recogniser: Embedder,
  aligned: readonly Mat[],
  flip: boolean,
): Promise<Template[]> {
  const templates = await recogniser.embed(aligned);
  if (!flip) return templates;
  const mirrored = aligned.map((mat) => mat.flip(1));
  const others = await recogniser.embed(mirrored);
  for (const mat of mirrored) mat.release();
  return templates.map((template, index) => {
    const other = others[index] as Template;
    return normalise(template.map((value, at) => value + (other[at] as number)));
  });
}

function scorePairs(
  pairs: readonly ImagePair[],
  templates: ReadonlyMap<string, Template>,
): ScoredPairs {
  const similarities = Float64Array.from(pairs, ({ first, second }) => {
    const a = templates.get(first) as Template;
    const b = templates.get(second) as Template;
    return a.reduce((sum, value, at) => sum + value * (b[at] as number), 0);
  });
  return { similarities, same: Uint8Array.from(pairs, (pair) => (pair.same ? 1 : 0)) };
}
