import type { CameraConfig } from '../../config/schema.js';
import { FaceEvalError, messageOf } from '../../domain/errors.js';
import type { CameraStatus } from '../../domain/records.js';
import { Decoder, type DecoderEnd } from './decoder.js';
import { failureReason, isOtherSize } from './failure-reason.js';
import { monotonicMs } from './frame-slots.js';
import { ImageQueue } from './image-queue.js';
import { type SlotEvents, SlotWriter } from './slot-writer.js';
import {
  commandFor,
  imageCommand,
  isFolder,
  kindOf,
  type SourceCommand,
} from './source-command.js';

/** A camera's state, and whether it is the last one: nothing more comes of this source. */
export type ReaderStatus = Omit<CameraStatus, 'cameraId'> & { readonly final: boolean };

/** What a reader tells the thread that processes its frames. */
export interface ReaderEvents extends SlotEvents {
  status(status: ReaderStatus): void;
  /** A decoder runs under this process id; null when it ended. */
  decoder(pid: number | null): void;
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** After so long online, the next failure is a new one. */
const HEALTHY_MS = 30_000;
/** A camera that failed so often in a row is lost; it is still asked for ever. */
const FAILURES_UNTIL_LOST = 4;
/** Time between two images of a folder or two snapshots of a camera, when none is asked for. */
const IMAGE_GAP_MS = 1_000;
/** A camera with a low frame rate does not stall in between. */
const LATE_FRAMES = 4;

/**
 * Keeps one camera's decoder running: starts it, says what became of it, and starts it again with
 * growing pauses. A finite source ends instead.
 */
export class CameraReader {
  readonly #writer: SlotWriter;
  readonly #gapMs: number;
  readonly #kind: SourceCommand['kind'];
  readonly #isFolder: boolean;
  #images: ImageQueue | undefined;
  #decoder: Decoder | undefined;
  #state: CameraStatus['state'] = 'connecting';
  #sinceMs = Date.now();
  #onlineSinceMs = 0;
  #failures = 0;
  #retryMs = FIRST_RETRY_MS;
  #timer: NodeJS.Timeout | undefined;
  #nextImageMs = 0;
  #stopped = false;

  /** @param fast Decode a finite source as fast as the pipeline takes it, dropping nothing. */
  constructor(
    private readonly camera: CameraConfig,
    private readonly fast: boolean,
    private readonly events: ReaderEvents,
  ) {
    this.#isFolder = isFolder(camera.source);
    this.#kind = kindOf(camera.source);
    this.#gapMs = camera.fps === undefined ? IMAGE_GAP_MS : 1000 / camera.fps;
    const everyFrame = this.#isFolder || (fast && this.#kind === 'finite');
    this.#writer = new SlotWriter(
      everyFrame ? 'oldest' : 'newest',
      {
        slots: (shared) => events.slots(shared),
        dropped: () => events.dropped(),
        frame: () => {
          events.frame();
          if (this.#state !== 'online') this.#becameOnline();
        },
      },
      this.#isFolder ? this.#gapMs : undefined,
    );
  }

  start(): void {
    this.#setState('connecting');
    this.#open();
  }

  /** Ends the decoder for good. */
  stop(): void {
    this.#stopped = true;
    this.#halt();
  }

  /** Stops decoding until resumed; a source that has ended stays so. */
  pause(on: boolean): void {
    if (this.#isFinal || on === (this.#state === 'paused')) return;
    if (!on) return this.start();
    this.#halt();
    this.#setState('paused');
  }

  /** The pipeline gave a frame back: a decoder that waited for room goes on. */
  slotFreed(): void {
    this.#decoder?.resume();
    if (this.#isFolder) this.#open();
  }

  get #isFinal(): boolean {
    return this.#state === 'ended' || (this.#state === 'lost' && this.#kind === 'finite');
  }

  #halt(): void {
    clearTimeout(this.#timer);
    this.#decoder?.stop();
  }

  #open(): void {
    if (this.#stopped || this.#decoder !== undefined) return;
    if (this.#isFinal || this.#state === 'paused') return;
    try {
      if (this.#isFolder) this.#openImage();
      else this.#run(commandFor(this.camera, this.fast));
    } catch (error) {
      const hint = error instanceof FaceEvalError && error.hint ? `: ${error.hint}` : '';
      this.#failed(`${messageOf(error)}${hint}`);
    }
  }

  /** One image is read, the next one decoded meanwhile: more would only take memory. */
  #openImage(): void {
    clearTimeout(this.#timer);
    const images = this.#images ?? new ImageQueue(this.camera.source);
    this.#images = images;
    if (this.#writer.unreleased > 1) return;
    const waitMs = this.fast ? 0 : this.#nextImageMs - monotonicMs();
    if (waitMs > 0) {
      this.#timer = setTimeout(() => this.#open(), waitMs);
      return;
    }
    const path = images.next(this.camera.loop);
    if (path === null) {
      if (images.readable === 0) this.#failed(images.problem ?? 'there is no image in the folder');
      else this.#setState('ended', images.problem);
      return;
    }
    this.#nextImageMs = monotonicMs() + this.#gapMs;
    this.#run(imageCommand(this.camera, path));
  }

  #run(command: SourceCommand): void {
    const stallMs = Math.max(
      this.camera.stallMs,
      LATE_FRAMES * (this.camera.fps ? this.#gapMs : 0),
    );
    const decoder = new Decoder(command, this.#writer, stallMs, (end) => {
      this.#writer.abandon();
      this.events.decoder(null);
      this.#decoder = undefined;
      this.#ended(command, end);
    });
    this.#decoder = decoder;
    this.events.decoder(decoder.pid ?? null);
  }

  #ended(command: SourceCommand, end: DecoderEnd): void {
    if (end.stopped) return this.#open();
    if (this.#images !== undefined) {
      this.#images.done(end.frames > 0);
      return this.#open();
    }
    const whole = end.exitCode === 0 && end.frames > 0;
    if (whole && this.#kind === 'finite') return this.#setState('ended');
    if (whole && end.frames === 1 && command.snapshots === true) {
      this.#timer = setTimeout(() => this.#open(), this.#gapMs);
      return;
    }
    // Nothing is wrong with a camera that is turned again and again.
    if (isOtherSize(end.complaint)) this.#retryMs = FIRST_RETRY_MS;
    this.#failed(
      end.stalled
        ? stallReason(end.frames, this.camera.stallMs)
        : failureReason(end.complaint, end.exitCode),
    );
  }

  #failed(reason: string): void {
    if (this.#kind === 'finite') return this.#setState('lost', reason);
    const healthy = this.#state === 'online' && monotonicMs() - this.#onlineSinceMs > HEALTHY_MS;
    if (healthy) this.#retryMs = FIRST_RETRY_MS;
    this.#failures++;
    this.#setState(this.#failures < FAILURES_UNTIL_LOST ? 'reconnecting' : 'lost', reason);
    // Cameras of one switch come back together; they should not be asked all at once.
    const waitMs = this.#retryMs * (0.8 + 0.4 * Math.random());
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    this.#timer = setTimeout(() => this.#open(), waitMs);
  }

  #becameOnline(): void {
    this.#onlineSinceMs = monotonicMs();
    this.#failures = 0;
    this.#setState('online');
  }

  #setState(state: CameraStatus['state'], reason?: string): void {
    if (state !== this.#state) this.#sinceMs = Date.now();
    this.#state = state;
    const frame = state === 'online' ? this.#writer.size : undefined;
    this.events.status({
      state,
      sinceMs: this.#sinceMs,
      final: this.#isFinal,
      ...(reason === undefined ? {} : { reason }),
      ...(frame === undefined ? {} : { frame }),
    });
  }
}

function stallReason(frames: number, stallMs: number): string {
  return frames > 0
    ? `no frame for ${Math.round(stallMs / 1000)} s: the camera or the network hangs`
    : 'the camera is there but sends no picture: is the address right?';
}
