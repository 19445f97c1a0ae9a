import type { Size } from '../../domain/records.js';

/** Buffers of one camera: one is read, one holds the newest frame, one is being filled. */
const SLOTS = 3;

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

/** Monotonic milliseconds that threads of one machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** What the worker sends so that the main thread sees the same memory. */
export interface SharedSlots {
  readonly size: Size;
  readonly pixels: readonly SharedArrayBuffer[];
  readonly states: SharedArrayBuffer;
  readonly stamps: SharedArrayBuffer;
}

/**
 * Frame buffers shared by two threads without a lock: the capture worker fills one and marks it
 * ready, the pipeline takes the newest and frees it. Nobody waits for the other.
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
    this.#pixels = shared.pixels.map((buffer) => new Uint8Array(buffer));
    this.#states = new Int32Array(shared.states);
    this.#stamps = new Float64Array(shared.stamps);
  }

  static allocate(size: Size): FrameSlots {
    const bytes = (size.width * size.height * 3) / 2;
    return new FrameSlots({
      size,
      pixels: Array.from({ length: SLOTS }, () => new SharedArrayBuffer(bytes)),
      states: new SharedArrayBuffer(SLOTS * Int32Array.BYTES_PER_ELEMENT),
      stamps: new SharedArrayBuffer(SLOTS * STAMP_FIELDS * Float64Array.BYTES_PER_ELEMENT),
    });
  }

  /** I420 bytes of a slot. */
  pixels(slot: number): Uint8Array {
    return this.#pixels[slot] as Uint8Array;
  }

  /** Worker: a slot to fill, or -1 when all wait for the pipeline. */
  claimFree(): number {
    return this.#claim(FREE, FILLING);
  }

  /** Worker: takes a frame back that nobody has looked at yet. */
  claimUnread(): number {
    return this.#claim(READY, FILLING);
  }

  /** Worker: the slot holds a whole frame. */
  publish(slot: number, stamp: FrameStamp): void {
    this.#stamps.set(
      [stamp.frameId, stamp.capturedAtMs, stamp.capturedMonoMs, stamp.mediaMs],
      slot * STAMP_FIELDS,
    );
    Atomics.store(this.#states, slot, READY);
  }

  /** Either side: the slot may be filled again. */
  free(slot: number): void {
    Atomics.store(this.#states, slot, FREE);
  }

  /**
   * Pipeline: takes a ready frame.
   *
   * @param order `newest` for live pictures, `oldest` where every frame counts.
   */
  take(order: 'newest' | 'oldest'): { slot: number; stamp: FrameStamp } | null {
    const ready = [...this.#pixels.keys()]
      .filter((slot) => Atomics.load(this.#states, slot) === READY)
      .sort((a, b) => this.#frameId(a) - this.#frameId(b));
    const slot = order === 'newest' ? ready.at(-1) : ready[0];
    // The worker may have taken it back in this moment; the next call finds the newer frame.
    if (slot === undefined) return null;
    if (Atomics.compareExchange(this.#states, slot, READY, TAKEN) !== READY) return null;
    return { slot, stamp: this.#stamp(slot) };
  }

  #frameId(slot: number): number {
    return this.#stamps[slot * STAMP_FIELDS] as number;
  }

  #stamp(slot: number): FrameStamp {
    const [frameId = 0, capturedAtMs = 0, capturedMonoMs = 0, mediaMs = 0] = this.#stamps.subarray(
      slot * STAMP_FIELDS,
      (slot + 1) * STAMP_FIELDS,
    );
    return { frameId, capturedAtMs, capturedMonoMs, mediaMs };
  }

  #claim(from: number, to: number): number {
    for (let slot = 0; slot < SLOTS; slot++) {
      if (Atomics.compareExchange(this.#states, slot, from, to) === from) return slot;
    }
    return -1;
  }
}
