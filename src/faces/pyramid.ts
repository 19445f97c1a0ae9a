import type { Size } from '../domain/records.js';
import { type Mat, opencv } from '../imaging/opencv.js';
import type { HalvedPictures } from './halved-pictures.js';

/** Side of the window that P-Net sees, and the stride of its outputs, in pixels of a level. */
export const PNET_WINDOW_PX = 12;
export const PNET_STRIDE_PX = 2;

/** One level of the pyramid: its size and how it comes about. */
export interface Level extends Size {
  /** Pixels of the level a picture pixel, horizontally and vertically. */
  readonly scaleX: number;
  readonly scaleY: number;
  /** What both would be if the level's size had not been rounded up. */
  readonly nominalScale: number;
}

/**
 * Plans the pyramid of a picture, largest level first.
 *
 * @param minFacePx Smallest face, pixels of the picture.
 * @param factor Scale from one level to the next, below 1.
 * @returns No level when the picture is smaller than the smallest face.
 */
export function planLevels(picture: Size, minFacePx: number, factor: number): Level[] {
  const levels: Level[] = [];
  const shorter = Math.min(picture.width, picture.height);
  for (let scale = PNET_WINDOW_PX / minFacePx; shorter * scale >= PNET_WINDOW_PX; scale *= factor) {
    const width = Math.ceil(picture.width * scale);
    const height = Math.ceil(picture.height * scale);
    levels.push({
      width,
      height,
      scaleX: width / picture.width,
      scaleY: height / picture.height,
      nominalScale: scale,
    });
  }
  return levels;
}

/** The levels of one picture, each drawn when it is first asked for. */
export class Pyramid {
  readonly #pictures: HalvedPictures;
  readonly #levels: readonly Level[];
  readonly #plain: boolean;
  readonly #drawn: (Mat | undefined)[] = [];

  /**
   * @param pictures The picture, CV_8UC3, and its halves; they stay the caller's.
   * @param plain Interpolate each level between four pixels of the picture instead of averaging.
   */
  constructor(pictures: HalvedPictures, levels: readonly Level[], plain: boolean) {
    this.#pictures = pictures;
    this.#levels = levels;
    this.#plain = plain;
  }

  /** A level's picture, CV_8UC3; it stays the pyramid's. */
  at(index: number): Mat {
    let drawn = this.#drawn[index];
    if (drawn === undefined) {
      drawn = this.#draw(index);
      this.#drawn[index] = drawn;
    }
    return drawn;
  }

  /** Frees the levels that were drawn. */
  release(): void {
    for (const drawn of this.#drawn.splice(0)) drawn?.release();
  }

  /**
   * The first level is made from a half of the picture, each further one from the level before it:
   * one pass over the large picture instead of one a level.
   */
  #draw(index: number): Mat {
    const cv = opencv();
    const { width, height, nominalScale } = this.#levels[index] as Level;
    const from = this.#plain
      ? this.#pictures.whole
      : index > 0
        ? this.at(index - 1)
        : this.#pictures.for(1 / nominalScale, 1).picture;
    // By less than two, linear interpolation leaves no pixel out, and averaging by a crooked
    // factor is slow.
    const mode = from.cols > width * 2 && !this.#plain ? cv.INTER_AREA : cv.INTER_LINEAR;
    return from.resize(height, width, 0, 0, mode);
  }
}
