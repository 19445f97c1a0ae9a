import type { Size } from '../../domain/records.js';

/** Buffers of a stream: one is read, one holds the newest frame, one is being filled. */
export const STREAM_SLOTS = 3;

const FREE = 0;
const FILLING = 1;
const READY = 2;
const TAKEN = 3;

/** Numbers kept with a frame. */
export interface FrameStamp {
  readonly frameId: number;
  /** Wall clock when its first byte arrived. */
  readonly capturedAtMs: number;
  /** Monotonic clock of the same moment ({@link monotonicMs}). */
  readonly capturedMonoMs: number;
  /** Position in a finite source. */
  readonly mediaMs: number;
}
const STAMP_FIELDS = 4;

/** Bytes of an I420 frame. */
function bytesOf({ width, height }: Size): number {
  return (width * height * 3) / 2;
}

/** Monotonic milliseconds that threads of one machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Which of several unread frames is read next; a skipped one is dropped. */
export type ReadOrder = 'newest' | 'oldest';

/** What the worker sends so that the main thread sees the same memory. */
export interface SharedSlots {
  readonly size: Size;
  /** `newest` for live pictures, `oldest` where every frame counts. */
  readonly order: ReadOrder;
  readonly pixels: readonly SharedArrayBuffer[];
  readonly states: SharedArrayBuffer;
  readonly stamps: SharedArrayBuffer;
}

/** A frame that was taken, and how many older ones it made pointless. */
export interface TakenSlot {
  readonly slot: number;
  readonly stamp: FrameStamp;
  readonly dropped: number;
}

/**
 * Frame buffers shared by two threads without a lock: the capture worker fills one and marks it
 * ready, the pipeline takes one and frees it. Nobody waits for the other.
 */
export class FrameSlots {
  readonly size: Size;
  readonly shared: SharedSlots;
  readonly #pixels: readonly Uint8Array[];
  readonly #states: Int32Array;
  readonly #stamps: Float64Array;

  constructor(shared: SharedSlots) {
    this.shared = shared;
    this.size = shared.size;
    const bytes = bytesOf(shared.size);
    this.#pixels = shared.pixels.map((buffer) => new Uint8Array(buffer, 0, bytes));
    this.#states = new Int32Array(shared.states);
    this.#stamps = new Float64Array(shared.stamps);
  }

  /** @param spare Memory of earlier slots that nobody uses any more, in place of new memory. */
  static allocate(
    size: Size,
    order: ReadOrder,
    count = STREAM_SLOTS,
    spare?: readonly SharedArrayBuffer[],
  ): FrameSlots {
    const bytes = bytesOf(size);
    return new FrameSlots({
      size,
      order,
      pixels: spare ?? Array.from({ length: count }, () => new SharedArrayBuffer(bytes)),
      states: new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT),
      stamps: new SharedArrayBuffer(count * STAMP_FIELDS * Float64Array.BYTES_PER_ELEMENT),
    });
  }

  /** I420 bytes of a slot. */
  pixels(slot: number): Uint8Array {
    return this.#pixels[slot] as Uint8Array;
  }

  /** Frames that the pipeline has not given back yet. */
  get unreleased(): number {
    return this.#inState(READY).length + this.#inState(TAKEN).length;
  }

  /** Worker: a slot to fill, or -1 when all wait for the pipeline. */
  claimFree(): number {
    for (const slot of this.#inState(FREE)) {
      if (this.#move(slot, FREE, FILLING)) return slot;
    }
    return -1;
  }

  /** Worker: takes the oldest frame back that nobody has looked at yet, or -1. */
  claimUnread(): number {
    for (const slot of this.#readyByAge()) {
      if (this.#move(slot, READY, FILLING)) return slot;
    }
    return -1;
  }

  /** Worker: the slot holds a whole frame. */
  publish(slot: number, stamp: FrameStamp): void {
    this.#stamps.set(
      [stamp.frameId, stamp.capturedAtMs, stamp.capturedMonoMs, stamp.mediaMs],
      slot * STAMP_FIELDS,
    );
    Atomics.store(this.#states, slot, READY);
  }

  /** Whether the memory would do for so many frames of this size. */
  fits(size: Size, count: number): boolean {
    const { pixels } = this.shared;
    return pixels.length === count && (pixels[0]?.byteLength ?? 0) >= bytesOf(size);
  }

  /** Either side: the slot may be filled again. */
  free(slot: number): void {
    Atomics.store(this.#states, slot, FREE);
  }

  /**
   * Pipeline: takes a ready frame. In `newest` order the older ones are freed, or they would be
   * taken later and time would run backwards.
   */
  take(): TakenSlot | null {
    const ready = this.#readyByAge();
    if (this.shared.order === 'newest') ready.reverse();
    for (const [index, slot] of ready.entries()) {
      // The worker may have taken it back in this moment.
      if (!this.#move(slot, READY, TAKEN)) continue;
      const dropped = this.shared.order === 'newest' ? this.#discard(ready.slice(index + 1)) : 0;
      return { slot, stamp: this.#stamp(slot), dropped };
    }
    return null;
  }

  /** Pipeline: forgets frames that nobody has looked at. @returns How many there were. */
  discardUnread(): number {
    return this.#discard(this.#inState(READY));
  }

  #discard(slots: readonly number[]): number {
    return slots.filter((slot) => this.#move(slot, READY, FREE)).length;
  }

  #readyByAge(): number[] {
    const frameId = (slot: number): number => this.#stamps[slot * STAMP_FIELDS] as number;
    return this.#inState(READY).sort((a, b) => frameId(a) - frameId(b));
  }

  #inState(state: number): number[] {
    return [...this.#states.keys()].filter((slot) => Atomics.load(this.#states, slot) === state);
  }

  #move(slot: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#states, slot, from, to) === from;
  }

  #stamp(slot: number): FrameStamp {
    const [frameId = 0, capturedAtMs = 0, capturedMonoMs = 0, mediaMs = 0] = this.#stamps.subarray(
      slot * STAMP_FIELDS,
      (slot + 1) * STAMP_FIELDS,
    );
    return { frameId, capturedAtMs, capturedMonoMs, mediaMs };
  }
}
