import { type Mat, opencv } from '../imaging/opencv.js';

/**
 * A picture and its halves, each made when it is first asked for. OpenCV averages by exactly two
 * more than ten times as fast as by 3.3, and whatever shrinks the picture further starts from a
 * quarter of the pixels for every half.
 */
export class HalvedPictures {
  readonly #pictures: Mat[];

  /** @param bgr The picture, CV_8UC3; it stays the caller's. */
  constructor(bgr: Mat) {
    this.#pictures = [bgr];
  }

  /** The whole picture. */
  get whole(): Mat {
    return this.#pictures[0] as Mat;
  }

  /**
   * The smallest picture that is still to be shrunk by `rest` or more, when the whole one is to be
   * shrunk by `shrink`.
   *
   * @returns Pixels of `picture` are `1 / scale` pixels of the whole.
   */
  for(shrink: number, rest: number): { readonly picture: Mat; readonly scale: number } {
    let halvings = 0;
    for (let left = shrink / 2; left >= rest; left /= 2) halvings++;
    return { picture: this.#halved(halvings), scale: 1 / 2 ** halvings };
  }

  #halved(times: number): Mat {
    const cv = opencv();
    for (let made = this.#pictures.length; made <= times; made++) {
      const from = this.#pictures[made - 1] as Mat;
      // An odd last row or column is left out: with it the factor would be crooked, too.
      const even = from.getRegion(new cv.Rect(0, 0, from.cols & ~1, from.rows & ~1));
      this.#pictures.push(even.resize(from.rows >> 1, from.cols >> 1, 0, 0, cv.INTER_AREA));
      // A region keeps its whole picture alive until it is released or collected.
      even.release();
    }
    return this.#pictures[times] as Mat;
  }

  /** Frees the halves; the whole picture stays. */
  release(): void {
    for (const half of this.#pictures.splice(1)) half.release();
  }
}
