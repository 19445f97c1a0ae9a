import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CameraConfig } from '../../config/schema.js';
import { messageOf } from '../../domain/errors.js';
import type { CameraStatus, Size } from '../../domain/records.js';
import { failureReason } from './failure-reason.js';
import { FrameSlots, monotonicMs, type SharedSlots } from './frame-slots.js';
import { commandFor, imageCommand, isFolder, type SourceCommand } from './source-command.js';
import { Y4mReader } from './y4m-reader.js';

/** What a reader tells the thread that processes its frames. */
export interface ReaderEvents {
  /** Frames lie in these slots from now on; the earlier ones are done with. */
  slots(shared: SharedSlots): void;
  /** A frame is ready. */
  frame(): void;
  status(status: Omit<CameraStatus, 'cameraId'>): void;
  /** A frame gave way to a newer one. */
  dropped(): void;
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** After so long online, the next failure is a new one. */
const HEALTHY_MS = 30_000;
const IMAGE_NAME = /\.(jpe?g|png|webp|bmp|tiff?)$/i;
/** Media time between two images of a folder. */
const IMAGE_GAP_MS = 1_000;

/**
 * Keeps one camera's decoder running: starts it, cuts its output into frames, notices when it
 * stalls, and starts it again with growing pauses. A finite source ends instead.
 */
export class CameraReader {
  #child: ChildProcess | undefined;
  #stopped = false;
  #paused = false;
  #slots: FrameSlots | undefined;
  #filling = -1;
  #frameId = 0;
  #frameStart = { atMs: 0, monoMs: 0 };
  #fps = 25;
  #mediaFrames = 0;
  #online = false;
  #onlineSinceMs = 0;
  #retryMs = FIRST_RETRY_MS;
  #retryTimer: NodeJS.Timeout | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  #stalled = false;
  #queue: string[] | undefined;
  /** Set while the decoder waits for a free slot. */
  #resume: (() => void) | undefined;

  /**
   * @param fast Decode a finite source as fast as the pipeline takes it, dropping nothing.
   */
  constructor(
    private readonly camera: CameraConfig,
    private readonly fast: boolean,
    private readonly events: ReaderEvents,
  ) {}

  start(): void {
    this.#stopped = false;
    this.events.status({ state: 'connecting', sinceMs: Date.now() });
    if (isFolder(this.camera.source)) this.#queue = listImages(this.camera.source);
    this.#open();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#stallTimer);
    this.#kill();
  }

  /** Stops decoding until resumed. */
  pause(on: boolean): void {
    if (this.#paused === on) return;
    this.#paused = on;
    if (!on) return this.start();
    this.stop();
    this.events.status({ state: 'paused', sinceMs: Date.now() });
  }

  /** The pipeline freed a slot: a decoder that waited for one goes on. */
  slotFreed(): void {
    this.#resume?.();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  #open(): void {
    let command: SourceCommand;
    try {
      const next = this.#queue?.shift();
      if (this.#queue !== undefined && next === undefined) return this.#endOfFolder();
      command =
        next === undefined ? commandFor(this.camera, this.fast) : imageCommand(this.camera, next);
    } catch (error) {
      const live = this.camera.source.includes('/dev/');
      this.#failed(messageOf(error), live ? 'live' : 'finite');
      return;
    }
    this.#run(command);
  }

  #endOfFolder(): void {
    if (this.#mediaFrames === 0) {
      this.#failed(`there is no readable image in ${this.camera.source}`, 'finite');
    } else if (this.camera.loop) {
      this.#queue = listImages(this.camera.source);
      this.#open();
    } else {
      this.events.status({ state: 'ended', sinceMs: Date.now() });
    }
  }

  #run(command: SourceCommand): void {
    const child = spawn(command.program, command.args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#stalled = false;
    this.#watchStall();
    let complaint = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-4_000);
    });
    const reader = new Y4mReader(
      {
        onFormat: (size, fps) => this.#setFormat(size, fps),
        onFrameStart: () => this.#beginFrame(),
        onFrameEnd: () => this.#endFrame(),
      },
      command.bare,
    );
    const feed = (chunk: Uint8Array): void => {
      if (this.#child !== child) return;
      let taken = chunk.length;
      try {
        taken = reader.write(chunk);
      } catch (error) {
        complaint = messageOf(error);
        child.kill('SIGKILL');
      }
      if (taken === chunk.length) return;
      child.stdout?.pause();
      this.#resume = () => {
        this.#resume = undefined;
        feed(chunk.subarray(taken));
        if (this.#resume === undefined) child.stdout?.resume();
      };
    };
    child.stdout?.on('data', feed);
    child.once('error', (error) => {
      complaint = `${command.program} does not start: ${error.message}; run scripts/setup`;
    });
    child.once('close', (code) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#resume = undefined;
      clearTimeout(this.#stallTimer);
      this.#abandonFrame();
      this.#closed(command, code, complaint);
    });
  }

  #closed(command: SourceCommand, code: number | null, complaint: string): void {
    if (this.#stopped) return;
    if (this.#queue !== undefined) return this.#open();
    if (command.kind === 'finite' && code === 0 && this.#mediaFrames > 0) {
      this.events.status({ state: 'ended', sinceMs: Date.now() });
      return;
    }
    const reason = this.#stalled
      ? `no frame for ${Math.round(this.camera.stallMs / 1000)} s`
      : failureReason(complaint, code);
    this.#failed(reason, command.kind);
  }

  #failed(reason: string, kind: SourceCommand['kind']): void {
    if (kind === 'finite') {
      this.events.status({ state: 'lost', reason, sinceMs: Date.now() });
      return;
    }
    const healthy = this.#online && monotonicMs() - this.#onlineSinceMs > HEALTHY_MS;
    if (healthy) this.#retryMs = FIRST_RETRY_MS;
    this.#online = false;
    this.events.status({ state: 'reconnecting', reason, sinceMs: Date.now() });
    // Cameras of one switch come back together; they should not be asked all at once.
    const waitMs = this.#retryMs * (0.8 + 0.4 * Math.random());
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    this.#retryTimer = setTimeout(() => this.#open(), waitMs);
  }

  #setFormat(size: Size, fps: number): void {
    this.#fps = fps;
    const same = this.#slots?.size;
    if (same?.width === size.width && same.height === size.height) return;
    this.#slots = FrameSlots.allocate(size);
    this.events.slots(this.#slots.shared);
  }

  #beginFrame(): Uint8Array | 'skip' | 'wait' {
    const slots = this.#slots;
    if (slots === undefined) return 'skip';
    this.#filling = slots.claimFree();
    if (this.#filling === -1) {
      if (this.fast) return 'wait';
      this.#filling = slots.claimUnread();
      if (this.#filling !== -1) this.events.dropped();
    }
    this.#frameStart = { atMs: Date.now(), monoMs: monotonicMs() };
    return this.#filling === -1 ? 'skip' : slots.pixels(this.#filling);
  }

  #endFrame(): void {
    this.#watchStall();
    const mediaMs =
      this.#queue === undefined
        ? (this.#mediaFrames * 1000) / this.#fps
        : this.#mediaFrames * IMAGE_GAP_MS;
    this.#mediaFrames++;
    if (!this.#online) this.#becameOnline();
    if (this.#filling === -1) return this.events.dropped();
    this.#slots?.publish(this.#filling, {
      frameId: ++this.#frameId,
      capturedAtMs: this.#frameStart.atMs,
      capturedMonoMs: this.#frameStart.monoMs,
      mediaMs,
    });
    this.#filling = -1;
    this.events.frame();
  }

  #becameOnline(): void {
    this.#online = true;
    this.#onlineSinceMs = monotonicMs();
    const frame = this.#slots?.size;
    this.events.status({ state: 'online', sinceMs: Date.now(), ...(frame ? { frame } : {}) });
  }

  #abandonFrame(): void {
    if (this.#filling !== -1) this.#slots?.free(this.#filling);
    this.#filling = -1;
  }

  #watchStall(): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = setTimeout(() => {
      // A decoder that waits for the pipeline does not stall.
      if (this.#resume !== undefined) return this.#watchStall();
      this.#stalled = true;
      this.#kill();
    }, this.camera.stallMs);
  }

  #kill(): void {
    this.#child?.kill('SIGKILL');
  }
}

/** Images of a folder in natural order: 2.jpg before 10.jpg. */
function listImages(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => IMAGE_NAME.test(name))
    .sort(new Intl.Collator('en', { numeric: true }).compare)
    .map((name) => join(folder, name));
}
