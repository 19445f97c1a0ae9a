import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** What libjpeg says of pictures whose inside is damaged; it decodes them all the same. */
const DAMAGE = /Corrupt JPEG data: (?!\d+ extraneous bytes)([^\n]*)/;
/** Standard error of this process. */
const STDERR = 2;
/** No more of the words than this is read. */
const MAX_BYTES = 4_096;

/**
 * What the image libraries wrote to standard error while a picture was decoded. That is the only
 * place where they tell that the data inside a JPEG is damaged: the parent made standard error of
 * this process a file, and writing to it is done when the decoder returns.
 */
export class DecoderWarnings {
  readonly #path: string;
  #startBytes = 0;

  /** @param path The file that standard error is. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Call before a picture is decoded. */
  begin(): void {
    this.#startBytes = fstatSync(STDERR).size;
  }

  /** @returns What is damaged in the picture that was decoded since {@link begin}. */
  damage(): string | undefined {
    const grown = fstatSync(STDERR).size - this.#startBytes;
    if (grown <= 0) return undefined;
    const words = Buffer.alloc(Math.min(grown, MAX_BYTES));
    const file = openSync(this.#path, 'r');
    readSync(file, words, 0, words.length, this.#startBytes);
    closeSync(file);
    return DAMAGE.exec(words.toString('utf8'))?.[1];
  }
}
