import type { Size } from '../../domain/records.js';

/** Receives the frames of a stream. */
export interface FrameSink {
  /** The stream's format is known; called before the first frame. */
  onFormat(size: Size, fps: number): void;
  /**
   * A buffer of width × height × 3/2 bytes for the next frame, `skip` to leave its pixels out, or
   * `wait` when there is no room yet.
   */
  onFrameStart(): Uint8Array | 'skip' | 'wait';
  onFrameEnd(): void;
}

const NEWLINE = 0x0a;
/** A header is one short line; anything longer is no YUV4MPEG2. */
const MAX_HEADER_BYTES = 1024;

/** Eight bits a sample; the names differ in where the colour samples lie. */
const SAMPLINGS = new Set(['420', '420jpeg', '420mpeg2', '420paldv']);

type State = 'header' | 'frameHeader' | 'pixels';

/**
 * Cuts a YUV4MPEG2 stream (4:2:0) into frames, copying each byte once, into the sink's buffer.
 */
export class Y4mReader {
  #state: State = 'header';
  #line = '';
  #frameBytes = 0;
  #filled = 0;
  #target: Uint8Array | 'skip' | 'wait' = 'wait';

  /** @param bare Format of a stream of bare frames without any header. */
  constructor(
    private readonly sink: FrameSink,
    private readonly bare?: Size & { readonly fps: number },
  ) {
    if (bare !== undefined) this.#start(bare, bare.fps);
  }

  /**
   * Takes the next bytes of the stream.
   *
   * @returns How many were taken: fewer than given when the sink has no room for the next frame.
   * @throws Error when they are no YUV4MPEG2 4:2:0 stream.
   */
  write(chunk: Uint8Array): number {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === 'pixels') {
        if (this.#filled === 0) this.#target = this.sink.onFrameStart();
        if (this.#target === 'wait') return at;
        at = this.#takePixels(chunk, at, this.#target);
      } else {
        at = this.#takeLine(chunk, at);
      }
    }
    return at;
  }

  #takeLine(chunk: Uint8Array, from: number): number {
    const end = chunk.indexOf(NEWLINE, from);
    const stop = end === -1 ? chunk.length : end;
    this.#line += Buffer.from(chunk.buffer, chunk.byteOffset + from, stop - from).toString(
      'latin1',
    );
    if (this.#line.length > MAX_HEADER_BYTES) throw new Error('the stream is no YUV4MPEG2');
    if (end === -1) return chunk.length;
    const line = this.#line;
    this.#line = '';
    if (this.#state === 'header') {
      const { size, fps } = parseHeader(line);
      this.#start(size, fps);
    } else if (line.startsWith('FRAME')) {
      this.#beginFrame();
    } else {
      throw new Error('the stream is out of step');
    }
    return end + 1;
  }

  #start(size: Size, fps: number): void {
    this.#frameBytes = (size.width * size.height * 3) / 2;
    this.sink.onFormat(size, fps);
    if (this.bare === undefined) this.#state = 'frameHeader';
    else this.#beginFrame();
  }

  #beginFrame(): void {
    this.#state = 'pixels';
    this.#filled = 0;
  }

  #takePixels(chunk: Uint8Array, from: number, target: Uint8Array | 'skip'): number {
    const bytes = Math.min(chunk.length - from, this.#frameBytes - this.#filled);
    if (target !== 'skip') target.set(chunk.subarray(from, from + bytes), this.#filled);
    this.#filled += bytes;
    if (this.#filled === this.#frameBytes) {
      this.sink.onFrameEnd();
      if (this.bare === undefined) this.#state = 'frameHeader';
      else this.#beginFrame();
    }
    return from + bytes;
  }
}

/** `YUV4MPEG2 W640 H480 F15:1 Ip A1:1 C420jpeg …` */
function parseHeader(line: string): { size: Size; fps: number } {
  const fields = line.split(' ');
  const value = (tag: string): string =>
    fields.find((field) => field.startsWith(tag))?.slice(1) ?? '';
  const width = Number(value('W'));
  const height = Number(value('H'));
  const [numerator = 0, denominator = 1] = value('F').split(':').map(Number);
  const sampling = value('C') || '420';
  const usable = width > 0 && height > 0 && width % 2 === 0 && height % 2 === 0;
  if (fields[0] !== 'YUV4MPEG2' || !usable || !SAMPLINGS.has(sampling)) {
    throw new Error(`the stream is no YUV4MPEG2 4:2:0: ${line.slice(0, 80)}`);
  }
  return { size: { width, height }, fps: numerator > 0 ? numerator / denominator : 25 };
}
