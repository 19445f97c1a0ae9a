import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { Face, Size } from '../domain/records.js';
import { ARCFACE_112, alignFace, UNSHIFTED_112 } from '../faces/alignment.js';
import { largestFace, subjectOf } from '../faces/subject.js';
import { encodeJpeg } from '../imaging/codec.js';
import type { FaceEngine } from '../vision/face-engine.js';
import type { DecoderWarnings } from './decoder-warnings.js';
import { findFaces, openPicture } from './inspection.js';
import type { BatchWork } from './worker.js';

/** Where landmarks go: as ArcFace-type models are trained, or as the seed's demo places them. */
export const ALIGNMENT_TEMPLATES = { arcface: ARCFACE_112, 'seed-demo': UNSHIFTED_112 } as const;

/** How faces are cut out. */
export interface AlignmentSettings {
  /** Side of the square result in pixels. */
  readonly sidePx: number;
  readonly template: keyof typeof ALIGNMENT_TEMPLATES;
  /** Which of several faces; `single` takes none of them. */
  readonly choose: 'largest' | 'central' | 'single';
  /** 1..100. */
  readonly jpegQuality: number;
}

/** One image and where its face goes. */
export interface AlignmentItem {
  readonly from: string;
  /** Folder of the new set. */
  readonly out: string;
  /** `<identity>/<n>.jpg` below it. */
  readonly target: string;
}

/** What became of an image. */
export type AlignmentOutcome =
  | { readonly kind: 'aligned'; readonly faces: number; readonly target: string }
  | { readonly kind: 'no-face' }
  | { readonly kind: 'several-faces'; readonly faces: number }
  | {
      readonly kind: 'unreadable';
      readonly reason: string;
      /** It may be read another time. */
      readonly passing?: true;
    };

/**
 * Cuts the face out of each image and writes it as JPEG. A file appears whole or not at all.
 *
 * @returns Work for {@link serveBatches}.
 */
export function alignWith(
  engine: FaceEngine,
  warnings: DecoderWarnings,
  settings: AlignmentSettings,
): BatchWork<AlignmentItem, AlignmentOutcome> {
  return async (items) => {
    const outcomes: AlignmentOutcome[] = [];
    for (const item of items) {
      const outcome = await alignOne(engine, warnings, settings, item);
      // An earlier version of the image may have had a face.
      if (outcome.kind !== 'aligned') await rm(join(item.out, item.target), { force: true });
      outcomes.push(outcome);
    }
    return outcomes;
  };
}

async function alignOne(
  engine: FaceEngine,
  warnings: DecoderWarnings,
  { sidePx, template, choose, jpegQuality }: AlignmentSettings,
  { from, out, target }: AlignmentItem,
): Promise<AlignmentOutcome> {
  const opened = await openPicture(from, warnings);
  if ('kind' in opened) {
    if (opened.kind === 'broken') return { ...opened, kind: 'unreadable' };
    return { kind: 'unreadable', reason: 'no picture of a known format' };
  }
  const { picture } = opened;
  try {
    const faces = await findFaces(engine, picture);
    const face = chooseFace(faces, picture.size, choose);
    if (face === undefined) {
      return faces.length === 0
        ? { kind: 'no-face' }
        : { kind: 'several-faces', faces: faces.length };
    }
    const aligned = alignFace(picture, face.landmarks, sidePx, ALIGNMENT_TEMPLATES[template]);
    await writeWhole(join(out, target), encodeJpeg(aligned, jpegQuality));
    aligned.release();
    return { kind: 'aligned', faces: faces.length, target };
  } finally {
    picture.release();
  }
}

/** @throws FaceEvalError STORE: the next image could not be written either. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.partial`, bytes);
    await rename(`${path}.partial`, path);
  } catch (cause) {
    throw new FaceEvalError('STORE', `cannot write ${path}: ${messageOf(cause)}`, {
      hint: 'make room or set the rights right, and give the command again: it goes on from here',
      cause,
    });
  }
}

/** The face that the picture is about; undefined when there is none, or no single one. */
export function chooseFace(
  faces: readonly Face[],
  picture: Size,
  choose: AlignmentSettings['choose'],
): Face | undefined {
  if (choose === 'single') return faces.length === 1 ? faces[0] : undefined;
  if (choose === 'largest') return largestFace(faces);
  return subjectOf(faces, picture);
}
