import type { PerceptualHash } from '../imaging/perceptual-hash.js';

/** A face on a picture of a set: x, y, width and height in pixels, and the detector's score. */
export type FoundFace = readonly [
  x: number,
  y: number,
  width: number,
  height: number,
  score: number,
];

/** A picture that was decoded. */
export interface PictureFinding {
  readonly kind: 'picture';
  /** Format by content. */
  readonly type: string;
  readonly width: number;
  readonly height: number;
  readonly hash: PerceptualHash;
  /** Best score first. Empty for a set of aligned faces, which are not searched. */
  readonly faces: readonly FoundFace[];
  /** Template of the largest face, or of the whole picture in a set of aligned faces. */
  readonly template?: PackedTemplate;
}

/** A picture that cannot be used, and why. */
export interface BrokenFinding {
  readonly kind: 'broken';
  readonly reason: string;
  /** It may be read another time: of rights, a disk or a process, not of the bytes. */
  readonly passing?: true;
}

/** A file that is no picture of a format that is read. */
export interface ForeignFinding {
  readonly kind: 'foreign';
  /** The other format; null for no picture at all. */
  readonly type: string | null;
}

/** What one look at a file found; nothing in it depends on the rules that judge it. */
export type Finding = PictureFinding | BrokenFinding | ForeignFinding;

/** A template in 8 bits a value, base64: a quarter of the memory, and cosines within 0.01. */
export type PackedTemplate = string;

/** Packs a unit vector. The scale is lost: it is unit length again when it is read. */
export function packTemplate(template: Float32Array): PackedTemplate {
  let largest = 0;
  for (const value of template) largest = Math.max(largest, Math.abs(value));
  const scale = largest === 0 ? 0 : 127 / largest;
  const bytes = Int8Array.from(template, (value) => Math.round(value * scale));
  return Buffer.from(bytes.buffer).toString('base64');
}

/** @returns The unit vector again. */
export function unpackTemplate(packed: PackedTemplate): Float32Array {
  const bytes = Buffer.from(packed, 'base64');
  const values = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = 0;
  for (const value of values) sum += value * value;
  const length = Math.sqrt(sum);
  return Float32Array.from(values, (value) => value / length);
}
