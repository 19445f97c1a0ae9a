import { describe, expect, it } from 'vitest';
import { FaceEvalError } from '../../src/domain/errors.js';
import { decodeImage, encodeJpeg, encodeThumbnail } from '../../src/imaging/codec.js';
import { type Mat, opencv } from '../../src/imaging/opencv.js';
import { Picture } from '../../src/imaging/picture.js';

function plain(width: number, height: number): Picture {
  const cv = opencv();
  return Picture.fromBgr(new cv.Mat(height, width, cv.CV_8UC3, [200, 100, 50]));
}

/** A PNG header that claims a size; nothing needs to follow for the claim to be read. */
function pngClaiming(width: number, height: number): Uint8Array {
  const bytes = Buffer.from(opencv().imencode('.png', plain(8, 8).bgr));
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}

/** A GIF of one white pixel. */
const GIF = '47494638396101000100800000ffffff0000002c000000000100010000020144003b';

/** Noise as JPEG: half of it is enough for a decoder to give a picture. */
function photo(): Buffer {
  const mat = plain(300, 300).bgr;
  for (let y = 0; y < 300; y += 3) mat.set(y, (y * 7) % 300, [y % 256, 255 - (y % 256), 90]);
  return Buffer.from(encodeJpeg(mat, 95));
}

/** A WebP with EXIF data that says how it has to be turned. */
function turnedWebp(picture: Picture, orientation: number, endian: 'II' | 'MM'): Buffer {
  const size = Buffer.alloc(10);
  size.writeUInt8(0x08, 0);
  size.writeUIntLE(picture.width - 1, 4, 3);
  size.writeUIntLE(picture.height - 1, 7, 3);
  const tiff = Buffer.from(
    endian === 'II'
      ? `49492a0008000000010012010300010000000${orientation}00000000000000`
      : `4d4d002a0000000800010112000300000001000${orientation}000000000000`,
    'hex',
  );
  const chunk = (name: string, data: Buffer): Buffer => {
    const head = Buffer.from(`${name}0000`);
    head.writeUInt32LE(data.length, 4);
    return Buffer.concat([head, data]);
  };
  const pixels = Buffer.from(opencv().imencode('.webp', picture.bgr)).subarray(12);
  const body = Buffer.concat([chunk('VP8X', size), pixels, chunk('EXIF', tiff)]);
  return chunk('RIFF', Buffer.concat([Buffer.from('WEBP'), body]));
}

const halfOf = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length / 2);

describe('decodeImage', () => {
  it('brings back what was encoded', () => {
    const picture = decodeImage(encodeJpeg(plain(64, 48).bgr, 95));
    expect(picture.size).toEqual({ width: 64, height: 48 });
    const [blue = 0, green = 0, red = 0] = picture.bgr.atRaw(20, 20) as unknown as number[];
    expect(Math.abs(blue - 200) + Math.abs(green - 100) + Math.abs(red - 50)).toBeLessThan(8);
  });

  it('makes BGR in 8 bits of grey, transparent and 16-bit pictures as well', () => {
    const cv = opencv();
    const colour = plain(40, 30).bgr;
    for (const [extension, mat] of [
      ['.jpg', colour.cvtColor(cv.COLOR_BGR2GRAY)],
      ['.png', colour.cvtColor(cv.COLOR_BGR2BGRA)],
      ['.png', colour.convertTo(cv.CV_16U, 257)],
    ] as const) {
      const { bgr } = decodeImage(cv.imencode(extension, mat));
      expect([bgr.rows, bgr.cols, bgr.type]).toEqual([30, 40, cv.CV_8UC3]);
    }
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('turns a WebP upright whose EXIF says %i', (orientation) => {
    const cv = opencv();
    const upright = plain(48, 80).bgr;
    upright.drawRectangle(new cv.Point2(0, 0), new cv.Point2(23, 39), new cv.Vec3(0, 0, 255), -1);
    // What a camera stores that is held so: the turn back.
    const stored = [
      ...[upright, upright.flip(1), upright.flip(-1), upright.flip(0)],
      ...[upright.transpose(), upright.flip(1).transpose(), upright.flip(-1).transpose()],
      upright.flip(0).transpose(),
    ][orientation - 1];
    for (const endian of ['II', 'MM'] as const) {
      const file = turnedWebp(Picture.fromBgr(stored as Mat), orientation, endian);
      const { bgr } = decodeImage(file);
      expect([bgr.cols, bgr.rows]).toEqual([48, 80]);
      const redAt = (x: number, y: number) => (bgr.atRaw(y, x) as unknown as number[])[2] ?? 0;
      expect(redAt(10, 15)).toBeGreaterThan(200);
      for (const [x, y] of [
        [38, 15],
        [10, 65],
        [38, 65],
      ] as const) {
        expect(redAt(x, y)).toBeLessThan(100);
      }
    }
  });

  it('takes a WebP as it is whose EXIF makes no sense', () => {
    const file = turnedWebp(plain(48, 80), 6, 'II');
    for (const at of [26, 22, 18, 16, 8]) {
      const broken = Buffer.from(file);
      broken.fill(0xff, broken.length - at);
      expect(decodeImage(broken).size).toEqual({ width: 48, height: 80 });
    }
  });

  it('takes a JPEG with a thumbnail inside and a film behind', () => {
    const jpeg = photo();
    const header = Buffer.concat([Buffer.from([0xff, 0xe1, 0, 0]), jpeg]);
    header.writeUInt16BE(jpeg.length + 2, 2);
    const whole = Buffer.concat([jpeg.subarray(0, 2), header, jpeg.subarray(2)]);
    // Like a start of scan without an end: what is behind the end does not count.
    const film = Buffer.concat([whole, Buffer.from([0xff, 0xda, 0, 8]), Buffer.alloc(200, 'x')]);
    for (const bytes of [whole, film]) expect(decodeImage(bytes).width).toBe(300);
    expect(() => decodeImage(whole.subarray(0, whole.length - 40))).toThrow(/cut short/);
  });

  it.each([
    ['an empty file', new Uint8Array(0), /is empty/],
    ['a text', Buffer.from('no picture at all, but some text'), /not an image/],
    ['a picture too large to decode', pngClaiming(60_000, 60_000), /60000×60000 pixels/],
    ['a file too large to read', Buffer.alloc(33 * 1024 * 1024), /33 MiB/],
    [
      'half a PNG',
      Buffer.from(opencv().imencode('.png', plain(300, 300).bgr)).subarray(0, 60),
      /cut short/,
    ],
    ['half a JPEG', halfOf(photo()), /cut short: copy it again/],
    ['a GIF', Buffer.from(GIF, 'hex'), /GIF files are not read: save it as JPEG/],
  ])('refuses %s and says why', (_, bytes, message) => {
    expect(() => decodeImage(bytes)).toThrow(message);
    try {
      decodeImage(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(FaceEvalError);
      expect((error as FaceEvalError).code).toBe('IMAGE');
      expect((error as FaceEvalError).hint).toMatch(/JPEG/);
    }
  });
});

describe('encodeThumbnail', () => {
  it('shows the face with surroundings, at most 200 px long', () => {
    const jpeg = encodeThumbnail(plain(1280, 720), { x: 500, y: 200, width: 300, height: 360 });
    const { width, height } = decodeImage(jpeg);
    expect(Math.max(width, height)).toBe(200);
  });

  it('stays inside the picture at its edge', () => {
    const jpeg = encodeThumbnail(plain(100, 100), { x: -20, y: 70, width: 60, height: 60 });
    const { width, height } = decodeImage(jpeg);
    expect(width).toBeLessThanOrEqual(100);
    expect(height).toBeLessThanOrEqual(100);
  });
});

describe('Picture', () => {
  it('turns I420 into BGR on first use', () => {
    const size = { width: 4, height: 2 };
    // Full luma without colour difference is white, whatever the matrix.
    const i420 = new Uint8Array([235, 235, 235, 235, 235, 235, 235, 235, 128, 128, 128, 128]);
    const white = Picture.fromI420(i420, size).bgr.atRaw(0, 0) as unknown as number[];
    for (const channel of white) expect(channel).toBeGreaterThanOrEqual(253);
  });

  it('says when it is used after its release', () => {
    const picture = plain(4, 4);
    picture.release();
    expect(() => picture.bgr).toThrow(/released/);
  });
});
