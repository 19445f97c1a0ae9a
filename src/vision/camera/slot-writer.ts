import type { Size } from '../../domain/records.js';
import {
  FrameSlots,
  monotonicMs,
  type ReadOrder,
  type SharedSlots,
  STREAM_SLOTS,
} from './frame-slots.js';
import { DEFAULT_FPS, type FrameSink } from './y4m-reader.js';

/** What the thread that processes the frames is told. */
export interface SlotEvents {
  /** Frames lie in these slots from now on; the earlier ones are done with. */
  slots(shared: SharedSlots): void;
  /** A frame is ready. */
  frame(): void;
  /** A frame gave way to a newer one. */
  dropped(): void;
}

/** Earlier sizes whose memory is kept for later. */
const SPARE_SIZES = 2;

/** Puts the frames of one camera into slots, across restarts of its decoder. */
export class SlotWriter implements FrameSink {
  #slots: FrameSlots | undefined;
  /** Slots of an earlier size: they may still hold frames. */
  #earlier: FrameSlots[] = [];
  #filling = -1;
  #frameId = 0;
  #framesBefore = 0;
  #gapMs = 1000 / DEFAULT_FPS;
  #startedAtMs = 0;
  #startedMonoMs = 0;

  /**
   * @param order `oldest` makes the decoder wait for the pipeline, `newest` drops what is late.
   * @param gapMs Media time between two frames, when the stream does not tell.
   */
  constructor(
    private readonly order: ReadOrder,
    private readonly events: SlotEvents,
    private readonly gapMs?: number,
  ) {}

  /** Frames so far, over all runs of the decoder, dropped ones among them. */
  get frames(): number {
    return this.#framesBefore;
  }

  get size(): Size | undefined {
    return this.#slots?.size;
  }

  /** Time between two frames, as the stream's header says. */
  get frameGapMs(): number {
    return this.#gapMs;
  }

  /** Frames that lie in slots, read or not. */
  get unreleased(): number {
    return [this.#slots, ...this.#earlier].reduce((sum, s) => sum + (s?.unreleased ?? 0), 0);
  }

  onFormat(size: Size, fps: number): void {
    this.#gapMs = this.gapMs ?? 1000 / fps;
    const before = this.#slots;
    if (before?.size.width === size.width && before.size.height === size.height) return;
    if (before !== undefined) this.#earlier.push(before);
    const count = this.#slotsNeeded();
    this.#slots = FrameSlots.allocate(size, this.order, count, this.#takeSpare(size, count));
    this.events.slots(this.#slots.shared);
  }

  onFrameStart(): Uint8Array | 'skip' | 'wait' {
    const slots = this.#slots;
    if (slots === undefined) return 'skip';
    this.#filling = slots.claimFree();
    if (this.#filling === -1) {
      if (this.order === 'oldest') return 'wait';
      this.#filling = slots.claimUnread();
      if (this.#filling !== -1) this.events.dropped();
    }
    this.#startedAtMs = Date.now();
    this.#startedMonoMs = monotonicMs();
    return this.#filling === -1 ? 'skip' : slots.pixels(this.#filling);
  }

  onFrameEnd(): void {
    const mediaMs = this.#framesBefore * this.#gapMs;
    this.#framesBefore++;
    if (this.#filling === -1) return this.events.dropped();
    this.#slots?.publish(this.#filling, {
      frameId: ++this.#frameId,
      capturedAtMs: this.#startedAtMs,
      capturedMonoMs: this.#startedMonoMs,
      mediaMs,
    });
    this.#filling = -1;
    this.events.frame();
  }

  /** The decoder is gone: what it had begun is no frame. */
  abandon(): void {
    if (this.#filling !== -1) this.#slots?.free(this.#filling);
    this.#filling = -1;
  }

  /**
   * Memory of an earlier size that nobody reads any more. V8 does not know how large shared memory
   * is and is in no hurry to free it: pictures of changing sizes would fill the machine.
   */
  #takeSpare(size: Size, count: number): readonly SharedArrayBuffer[] | undefined {
    const isFree = (slots: FrameSlots): boolean => slots.unreleased === 0;
    const spare = this.#earlier.find((slots) => isFree(slots) && slots.fits(size, count));
    const others = this.#earlier.filter((slots) => slots !== spare);
    const kept = others.filter(isFree).slice(-SPARE_SIZES);
    this.#earlier = others.filter((slots) => !isFree(slots) || kept.includes(slots));
    return spare?.shared.pixels;
  }

  /** Images come one a decoder and may each have a size of their own: two at a time are enough. */
  #slotsNeeded(): number {
    return this.gapMs === undefined ? STREAM_SLOTS : 2;
  }
}
