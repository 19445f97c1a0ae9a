import { z } from 'zod';
import type { Template } from '../domain/records.js';
import { fromBlob, toBlob } from './vector-blob.js';

/**
 * What a gallery archive holds (docs/archive.md): a tar file with `gallery.json`, the aligned faces
 * under `crops/`, for one person also `hits.jsonl`, and `SHA256SUMS` of them all.
 */
export const GALLERY_FILE = 'gallery.json';
export const HITS_FILE = 'hits.jsonl';
export const CHECKSUMS_FILE = 'SHA256SUMS';
export const CROPS_FOLDER = 'crops';

const FORMAT = 'faceeval-gallery';
const VERSION = 1;
const MAX_VALUES = 4_096;
const UNIT_TOLERANCE = 1e-3;

const id = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/, 'a ULID');

const template = z.strictObject({
  id,
  family: z.string().min(1).max(100),
  build: z.string().max(100),
  quality: z.number().min(0).max(1),
  source: z.string().max(4_096),
  createdAt: z.iso.datetime(),
  /** Little-endian 32-bit floats, base64. */
  vector: z.base64(),
  /** Path in the archive of the aligned face as JPEG. */
  crop: z.string().optional(),
});

const identity = z.strictObject({
  id,
  name: z.string().min(1).max(100),
  createdAt: z.iso.datetime(),
  consentNote: z.string().optional(),
  expiresAt: z.iso.datetime().optional(),
  templates: z.array(template),
});

const gallery = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  exportedAt: z.iso.datetime(),
  program: z.string(),
  identities: z.array(identity),
});

export type GalleryDocument = z.output<typeof gallery>;
export type ArchivedIdentity = z.output<typeof identity>;
export type ArchivedTemplate = z.output<typeof template>;

/** The head of `gallery.json`. */
export function archiveHead(program: string, nowMs: number) {
  return { format: FORMAT, version: VERSION, exportedAt: isoOf(nowMs), program } as const;
}

/**
 * @param text Content of `gallery.json`.
 * @returns The document, or in words what is wrong with it.
 */
export function parseGallery(text: string): GalleryDocument | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return `${GALLERY_FILE} is no JSON`;
  }
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown };
  if (format !== FORMAT) return 'it is no gallery of faceeval';
  if (version !== VERSION)
    return `it has version ${String(version)}, this faceeval reads ${VERSION}`;
  const parsed = gallery.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `${GALLERY_FILE}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is damaged'}`;
}

export function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** A template's values as they stand in `gallery.json`. */
export function encodeVector(vector: Template): string {
  return toBlob(vector).toString('base64');
}

/**
 * @returns A vector of unit length, or in words why it is none.
 */
export function decodeVector(text: string): Template | string {
  const bytes = Buffer.from(text, 'base64');
  const count = bytes.byteLength / Float32Array.BYTES_PER_ELEMENT;
  if (!Number.isInteger(count) || count < 1 || count > MAX_VALUES) {
    return `a vector of ${bytes.byteLength} bytes`;
  }
  const vector = fromBlob(bytes);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  // Written so that NaN is refused as well.
  if (!(Math.abs(length - 1) < UNIT_TOLERANCE)) return `a vector of length ${length}, not 1`;
  return vector;
}
