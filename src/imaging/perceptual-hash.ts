import { type Mat, opencv } from './opencv.js';
import type { Picture } from './picture.js';

/**
 * Two 64-bit fingerprints of a picture that survive another size and another compression. Both
 * are 16 hexadecimal digits.
 */
export interface PerceptualHash {
  /** dHash: whether brightness rises from one cell of a 9×8 picture to the next on its right. */
  readonly gradient: string;
  /** pHash: the 8×8 lowest frequencies of a 32×32 picture, each above or below their median. */
  readonly frequency: string;
}

const CELLS = 8;
const SPECTRUM_PX = 32;

/** Hashes a picture; the pixels are reduced and transformed natively. */
export function hashPicture(picture: Picture): PerceptualHash {
  const grey = picture.bgr.cvtColor(opencv().COLOR_BGR2GRAY);
  const hash = { gradient: gradientHash(grey), frequency: frequencyHash(grey) };
  grey.release();
  return hash;
}

function gradientHash(grey: Mat): string {
  const columns = CELLS + 1;
  const small = grey.resize(CELLS, columns, 0, 0, opencv().INTER_AREA);
  const cells = small.getData();
  small.release();
  return hexOf((bit) => {
    const at = Math.floor(bit / CELLS) * columns + (bit % CELLS);
    return (cells[at + 1] as number) > (cells[at] as number);
  });
}

function frequencyHash(grey: Mat): string {
  const cv = opencv();
  const small = grey.resize(SPECTRUM_PX, SPECTRUM_PX, 0, 0, cv.INTER_AREA);
  const numbers = small.convertTo(cv.CV_32F);
  const spectrum = numbers.dct();
  const corner = spectrum.getRegion(new cv.Rect(0, 0, CELLS, CELLS));
  const values = corner.getDataAsArray().flat();
  for (const mat of [small, numbers, spectrum, corner]) mat.release();
  // The first value is the mean brightness: it says nothing about what is on the picture.
  const sorted = values.slice(1).sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] as number;
  return hexOf((bit) => (values[bit] as number) > median);
}

function hexOf(isSet: (bit: number) => boolean): string {
  let hex = '';
  for (let first = 0; first < CELLS * CELLS; first += 4) {
    let digit = 0;
    for (let bit = first; bit < first + 4; bit++) digit = digit * 2 + (isSet(bit) ? 1 : 0);
    hex += digit.toString(16);
  }
  return hex;
}
