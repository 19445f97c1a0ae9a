import type { Size } from '../domain/records.js';
import { type Mat, opencv } from './opencv.js';

/**
 * One frame or still image. Frames arrive as I420; most are never looked at in colour (the motion
 * gate reads luma), so BGR is made on first use.
 */
export class Picture {
  readonly width: number;
  readonly height: number;
  #i420: Uint8Array | undefined;
  #bgr: Mat | undefined;

  private constructor(size: Size, i420: Uint8Array | undefined, bgr: Mat | undefined) {
    this.width = size.width;
    this.height = size.height;
    this.#i420 = i420;
    this.#bgr = bgr;
  }

  /** Takes over a BGR CV_8UC3 Mat. */
  static fromBgr(mat: Mat): Picture {
    return new Picture({ width: mat.cols, height: mat.rows }, undefined, mat);
  }

  /**
   * Wraps planar YUV 4:2:0. The bytes must stay valid until {@link Picture.bgr} was read or the
   * picture was released.
   *
   * @param i420 width × height × 3/2 bytes; width and height even.
   */
  static fromI420(i420: Uint8Array, size: Size): Picture {
    return new Picture(size, i420, undefined);
  }

  get size(): Size {
    return { width: this.width, height: this.height };
  }

  /** BGR, CV_8UC3, height × width. */
  get bgr(): Mat {
    if (this.#bgr === undefined) {
      if (this.#i420 === undefined) throw new Error('the picture was released');
      const cv = opencv();
      const bytes = this.#i420;
      const planes = new cv.Mat(
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        (this.height * 3) / 2,
        this.width,
        cv.CV_8UC1,
      );
      this.#bgr = planes.cvtColor(cv.COLOR_YUV2BGR_I420);
      planes.release();
      this.#i420 = undefined;
    }
    return this.#bgr;
  }

  /** A smaller copy. `scale` is below 1. */
  scaled(scale: number): Picture {
    const cv = opencv();
    const rows = Math.max(1, Math.round(this.height * scale));
    const cols = Math.max(1, Math.round(this.width * scale));
    return Picture.fromBgr(this.bgr.resize(rows, cols, 0, 0, cv.INTER_AREA));
  }

  /** Frees the pixels now instead of at the next garbage collection. */
  release(): void {
    this.#bgr?.release();
    this.#bgr = undefined;
    this.#i420 = undefined;
  }
}
