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

/** A header that claims more says how its times are counted, not how many frames there are. */
const MAX_FPS = 120;
/** Frames a second of a stream that does not tell. */
export const DEFAULT_FPS = 25;

const NEWLINE = 0x0a;
/** A header is one short line; anything longer is no YUV4MPEG2. */
const MAX_HEADER_BYTES = 1024;
/** Read at once while the stream's header is awaited. */
const HEADER_BYTES = 64;
/** What stands before each frame, `FRAME` and a newline: reading no more keeps pixels in place. */
const FRAME_LINE_BYTES = 6;
const SKIP_BYTES = 65_536;
/** One for all readers of a thread: what is read into it is taken before anything else is read. */
const SCRATCH = new Uint8Array(SKIP_BYTES);
/** Eight bits a sample; the names differ in where the colour samples lie. */
const SAMPLINGS = new Set(['420', '420jpeg', '420mpeg2', '420paldv']);

/** `gap`: between two frames of a bare stream. */
type State = 'header' | 'frameLine' | 'gap' | 'pixels';

/**
 * Cuts a YUV4MPEG2 stream (4:2:0) into frames. It tells where the next bytes belong ({@link space}),
 * so that pixels can be read straight into the sink's buffers and are never copied.
 */
export class Y4mReader {
  #state: State = 'header';
  #line = '';
  #frameBytes = 0;
  #filled = 0;
  #target: Uint8Array | 'skip' | 'wait' = 'skip';
  /** Bytes that came although the sink has no room. */
  #held = new Uint8Array(0);

  /** @param bare Format of a stream of bare frames without any header. */
  constructor(
    private readonly sink: FrameSink,
    private readonly bare?: Size & { readonly fps: number },
  ) {
    if (bare !== undefined) this.#start(bare, bare.fps);
  }

  /** The sink has no room for the next frame: {@link resume} when it may have. */
  get waiting(): boolean {
    return this.#state === 'pixels' && this.#target === 'wait';
  }

  /** Where the next bytes of the stream are to be put. */
  space(): Uint8Array {
    if (this.#state === 'header') return SCRATCH.subarray(0, HEADER_BYTES);
    if (this.#state === 'frameLine') return SCRATCH.subarray(0, FRAME_LINE_BYTES);
    if (this.#state === 'gap' || this.#target === 'wait') return SCRATCH.subarray(0, 1);
    const left = this.#frameBytes - this.#filled;
    if (this.#target !== 'skip') return this.#target.subarray(this.#filled, this.#frameBytes);
    return SCRATCH.subarray(0, Math.min(left, SKIP_BYTES));
  }

  /**
   * Takes the next bytes of the stream, which may or may not lie in {@link space}.
   *
   * @throws Error when they are no YUV4MPEG2 4:2:0 stream.
   */
  take(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'gap') this.#beginFrame();
      if (this.waiting) {
        this.#held = Buffer.concat([this.#held, bytes.subarray(at)]);
        return;
      }
      at = this.#state === 'pixels' ? this.#takePixels(bytes, at) : this.#takeLine(bytes, at);
    }
  }

  /** Asks the sink for room again. */
  resume(): void {
    if (!this.waiting) return;
    this.#target = this.sink.onFrameStart();
    if (this.waiting) return;
    const held = this.#held;
    this.#held = new Uint8Array(0);
    this.take(held);
  }

  #takeLine(bytes: Uint8Array, from: number): number {
    const end = bytes.indexOf(NEWLINE, from);
    const stop = end === -1 ? bytes.length : end;
    this.#line += Buffer.from(bytes.buffer, bytes.byteOffset + from, stop - from).toString(
      'latin1',
    );
    if (this.#line.length > MAX_HEADER_BYTES) throw new Error('the stream is no YUV4MPEG2');
    if (end === -1) return bytes.length;
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
    this.#state = this.bare === undefined ? 'frameLine' : 'gap';
  }

  #beginFrame(): void {
    this.#state = 'pixels';
    this.#filled = 0;
    this.#target = this.sink.onFrameStart();
  }

  #takePixels(bytes: Uint8Array, from: number): number {
    const count = Math.min(bytes.length - from, this.#frameBytes - this.#filled);
    const target = this.#target;
    if (target instanceof Uint8Array) {
      const inPlace =
        bytes.buffer === target.buffer &&
        bytes.byteOffset + from === target.byteOffset + this.#filled;
      if (!inPlace) target.set(bytes.subarray(from, from + count), this.#filled);
    }
    this.#filled += count;
    if (this.#filled === this.#frameBytes) {
      this.#state = this.bare === undefined ? 'frameLine' : 'gap';
      this.sink.onFrameEnd();
    }
    return from + count;
  }
}

/**
 * `YUV4MPEG2 W640 H480 F15:1 Ip A1:1 C420jpeg …`
 *
 * @throws Error when the line heads another stream.
 */
export function parseHeader(line: string): { size: Size; fps: number } {
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
  const fps = numerator / denominator;
  return { size: { width, height }, fps: fps > 0 && fps <= MAX_FPS ? fps : DEFAULT_FPS };
}
