import { describe, expect, it } from 'vitest';
import { FaceEvalError } from '../../src/domain/errors.js';
import { decodeImage, encodeJpeg, encodeThumbnail } from '../../src/imaging/codec.js';
import { opencv } from '../../src/imaging/opencv.js';
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
