import { extname } from 'node:path';
import { imageSize } from 'image-size';
import { isWholeJpeg } from '../imaging/whole-jpeg.js';

/** Formats that both the data tools and the training read. */
export type ImageType = 'jpeg' | 'png' | 'bmp' | 'webp';

const TYPE_OF_EXTENSION: Readonly<Record<string, ImageType>> = {
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.png': 'png',
  '.bmp': 'bmp',
  '.webp': 'webp',
};
const OURS: Readonly<Record<string, ImageType>> = {
  jpg: 'jpeg',
  png: 'png',
  bmp: 'bmp',
  webp: 'webp',
};

/** What a file is, judged by its content. */
export interface FileContent {
  /** A format that is read, the name of one that is not, or null for no picture at all. */
  readonly type: ImageType | string | null;
  /** Pixels as the header says, before EXIF orientation; null where there is no header. */
  readonly size: { readonly width: number; readonly height: number } | null;
}

/** Reads format and size from the first bytes of a file, decoding nothing. */
export function sniffContent(bytes: Uint8Array): FileContent {
  try {
    const { type, width, height } = imageSize(bytes);
    return { type: OURS[type ?? ''] ?? type ?? null, size: { width, height } };
  } catch {
    // A format by its first bytes whose header is cut off is broken, not foreign.
    return { type: typeByMagic(bytes), size: null };
  }
}

/** @returns Whether the data tools and the training read this format. */
export function isReadType(type: string | null): type is ImageType {
  return type !== null && Object.values(OURS).includes(type as ImageType);
}

/** The format that a file's name promises; undefined for names of other kinds. */
export function typeOfName(path: string): ImageType | undefined {
  return TYPE_OF_EXTENSION[extname(path).toLowerCase()];
}

/** Whether the end of the picture is there. */
export function isWhole(bytes: Uint8Array, type: ImageType): boolean {
  if (type === 'jpeg') return isWholeJpeg(bytes);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === 'png') return buffer.includes('IEND');
  if (type === 'webp') return buffer.length >= buffer.readUInt32LE(4) + 8;
  return buffer.length >= buffer.readUInt32LE(2);
}

function typeByMagic(bytes: Uint8Array): ImageType | null {
  const starts = (...magic: number[]) => magic.every((value, at) => bytes[at] === value);
  if (starts(0xff, 0xd8, 0xff)) return 'jpeg';
  if (starts(0x89, 0x50, 0x4e, 0x47)) return 'png';
  return null;
}
