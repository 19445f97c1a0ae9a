import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type ImageType,
  isReadType,
  isWhole,
  sniffContent,
  typeOfName,
} from '../../src/dataset/image-file.js';
import { opencv } from '../../src/imaging/opencv.js';

const sample = join(
  dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')),
  'demo/sample5.jpg',
);

const files = new Map<ImageType, Uint8Array>();
beforeAll(() => {
  const cv = opencv();
  const small = cv.imread(sample).resize(120, 90);
  for (const [type, extension] of [
    ['jpeg', '.jpg'],
    ['png', '.png'],
    ['bmp', '.bmp'],
    ['webp', '.webp'],
  ] as const) {
    files.set(type, cv.imencode(extension, small));
  }
});

describe('content of a file', () => {
  it('is told by its bytes, whatever the name', () => {
    for (const [type, bytes] of files) {
      expect(sniffContent(bytes)).toEqual({ type, size: { width: 90, height: 120 } });
      expect(isReadType(type)).toBe(true);
      expect(isWhole(bytes, type)).toBe(true);
    }
    expect(typeOfName('a/1.JPEG')).toBe('jpeg');
    expect(typeOfName('a/1.txt')).toBeUndefined();
  });

  it('is no picture, or none of ours, where it is not', () => {
    expect(sniffContent(Buffer.from('these are words'))).toEqual({ type: null, size: null });
    expect(sniffContent(new Uint8Array())).toEqual({ type: null, size: null });
    const gif = Buffer.from('47494638396101000100800000ffffff0000002c000000000100010000', 'hex');
    expect(sniffContent(gif).type).toBe('gif');
    expect(isReadType('gif')).toBe(false);
  });

  it('is broken, not foreign, where a header is cut off', () => {
    const jpeg = files.get('jpeg') as Uint8Array;
    expect(sniffContent(jpeg.subarray(0, 8)).type).toBe('jpeg');
    expect(isWhole(jpeg.subarray(0, 8), 'jpeg')).toBe(false);
  });

  it('is cut short wherever it is cut', () => {
    for (const [type, bytes] of files) {
      for (const share of [0.3, 0.6, 0.95]) {
        const cut = bytes.subarray(0, Math.floor(bytes.length * share));
        expect(isWhole(cut, type), `${type} at ${share}`).toBe(false);
      }
    }
  });

  it('is not called whole for the end of a thumbnail in its header', () => {
    const jpeg = Buffer.from(files.get('jpeg') as Uint8Array);
    // A comment segment that holds a whole JPEG, as EXIF does, before the picture itself.
    const comment = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.alloc(2), jpeg]);
    comment.writeUInt16BE(jpeg.length + 2, 2);
    const file = Buffer.concat([jpeg.subarray(0, 2), comment, jpeg.subarray(2)]);
    expect(isWhole(file, 'jpeg')).toBe(true);
    expect(isWhole(file.subarray(0, file.length - 40), 'jpeg')).toBe(false);
  });

  it('may go on behind the picture, as some cameras and servers do', () => {
    const jpeg = files.get('jpeg') as Uint8Array;
    expect(isWhole(Buffer.concat([jpeg, Buffer.alloc(500, 'x')]), 'jpeg')).toBe(true);
  });
});
