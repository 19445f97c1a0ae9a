import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

const IMAGE_NAME = /\.(jpe?g|png|webp|bmp|tiff?)$/i;
/** Names of unreadable images that are told; more would be no help. */
const NAMES_TOLD = 3;

/** The images of a folder in natural order (2.jpg before 10.jpg), and which ones could be read. */
export class ImageQueue {
  #waiting: string[];
  #current: string | undefined;
  #readable = 0;
  #readableThisRound = 0;
  readonly #unreadable = new Set<string>();

  /** @throws Error when the folder cannot be listed. */
  constructor(private readonly folder: string) {
    this.#waiting = this.#list();
  }

  /** Images that gave a picture. */
  get readable(): number {
    return this.#readable;
  }

  /** What was wrong with the folder, in words; undefined when nothing was. */
  get problem(): string | undefined {
    if (this.#unreadable.size === 0) {
      return this.#readable === 0 ? `there is no image in ${this.folder}` : undefined;
    }
    const names = [...this.#unreadable].slice(0, NAMES_TOLD).join(', ');
    const more = this.#unreadable.size > NAMES_TOLD ? ', …' : '';
    return `${this.#unreadable.size} images could not be read and were skipped: ${names}${more}`;
  }

  /**
   * The next image.
   *
   * @param again Begin anew at the end, unless a whole round gave no picture.
   * @returns null at the end.
   */
  next(again: boolean): string | null {
    if (this.#waiting.length === 0 && again && this.#readableThisRound > 0) {
      this.#readableThisRound = 0;
      this.#waiting = this.#list();
    }
    this.#current = this.#waiting.shift();
    return this.#current ?? null;
  }

  /** Books whether the image that was given last could be read. */
  done(readable: boolean): void {
    if (readable) {
      this.#readable++;
      this.#readableThisRound++;
    } else if (this.#current !== undefined) {
      this.#unreadable.add(basename(this.#current));
    }
  }

  #list(): string[] {
    return readdirSync(this.folder)
      .filter((name) => IMAGE_NAME.test(name))
      .sort(new Intl.Collator('en', { numeric: true }).compare)
      .map((name) => join(this.folder, name));
  }
}
