import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { CameraConfig } from '../../config/schema.js';
import type { CameraStatus } from '../../domain/records.js';
import type { PlayMode } from '../messages.js';
import type { CaptureWorkerData, FromWorker, ToWorker } from './capture-worker.js';
import { FrameSlots, type FrameStamp } from './frame-slots.js';

/** One frame, valid until it is released. */
export interface RawFrame extends FrameStamp {
  readonly cameraId: string;
  readonly width: number;
  readonly height: number;
  /** Planar YUV 4:2:0, width × height × 3/2 bytes. */
  readonly i420: Uint8Array;
  /** Its luma plane, width × height bytes. */
  readonly luma: Uint8Array;
  /** Gives the buffer back. */
  release(): void;
}

/** Counters of one source. */
export interface SourceStats {
  readonly frames: number;
  readonly dropped: number;
  readonly reconnects: number;
}

interface Source {
  readonly camera: CameraConfig;
  readonly index: number;
  /** Newest last; earlier ones hold frames of another size that were not read yet. */
  slots: FrameSlots[];
  state: CameraStatus['state'];
  frames: number;
  dropped: number;
  reconnects: number;
}

/**
 * All cameras of the vision process. `next` gives the newest frame of the camera whose turn it is;
 * in fast mode every frame, in order.
 */
export class Capture {
  readonly #sources: readonly Source[];
  readonly #mode: PlayMode;
  readonly #onStatus: (status: CameraStatus) => void;
  #worker: Worker | undefined;
  #turn = 0;
  #wake: (() => void) | undefined;
  #pids: readonly number[] = [];
  #failure: Error | undefined;

  constructor(
    cameras: readonly CameraConfig[],
    mode: PlayMode,
    onStatus: (status: CameraStatus) => void,
  ) {
    this.#mode = mode;
    this.#onStatus = onStatus;
    this.#sources = cameras.map((camera, index) => ({
      camera,
      index,
      slots: [],
      state: 'connecting',
      frames: 0,
      dropped: 0,
      reconnects: 0,
    }));
  }

  start(): void {
    const workerData: CaptureWorkerData = {
      cameras: this.#sources.map(({ camera }) => camera),
      fast: this.#mode.fast,
    };
    const worker = new Worker(new URL('./capture-worker.js', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 },
    });
    worker.on('message', (message: FromWorker) => this.#receive(message));
    worker.on('error', (error) => {
      this.#failure = error;
      this.#wake?.();
    });
    this.#worker = worker;
  }

  /**
   * Waits for the next frame.
   *
   * @returns null when every source has ended for good, or on abort.
   * @throws The error that ended the capture thread.
   */
  async next(signal?: AbortSignal): Promise<RawFrame | null> {
    while (signal?.aborted !== true) {
      if (this.#failure !== undefined) throw this.#failure;
      const frame = this.#take();
      if (frame !== null) return frame;
      if (this.#sources.every(({ state }) => state === 'ended' || state === 'lost')) return null;
      await this.#nextEvent(signal);
    }
    return null;
  }

  stats(cameraId: string): SourceStats {
    const source = this.#sources.find(({ camera }) => camera.id === cameraId);
    const { frames = 0, dropped = 0, reconnects = 0 } = source ?? {};
    return { frames, dropped, reconnects };
  }

  /** Cameras that deliver frames now. */
  get online(): number {
    return this.#sources.filter(({ state }) => state === 'online').length;
  }

  /** @param cameraId null for all. */
  pause(cameraId: string | null, on: boolean): void {
    for (const { camera, index } of this.#sources) {
      if (cameraId === null || camera.id === cameraId)
        this.#send({ type: 'pause', camera: index, on });
    }
  }

  /** Resident memory of the decoders, bytes. */
  rssBytes(): number {
    return this.#pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker === undefined) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage({ type: 'stop' } satisfies ToWorker);
    await ended;
  }

  #take(): RawFrame | null {
    for (let step = 0; step < this.#sources.length; step++) {
      const source = this.#sources[(this.#turn + step) % this.#sources.length] as Source;
      const frame = this.#takeFrom(source);
      if (frame === null) continue;
      this.#turn = (source.index + 1) % this.#sources.length;
      source.frames++;
      return frame;
    }
    return null;
  }

  #takeFrom(source: Source): RawFrame | null {
    const order = this.#mode.fast ? 'oldest' : 'newest';
    if (!this.#mode.fast) source.slots.splice(0, source.slots.length - 1);
    for (let slots = source.slots[0]; slots !== undefined; slots = source.slots[0]) {
      const taken = slots.take(order);
      if (taken !== null) return this.#wrap(source, slots, taken.slot, taken.stamp);
      if (source.slots.length === 1) return null;
      source.slots.shift();
    }
    return null;
  }

  #wrap(source: Source, slots: FrameSlots, slot: number, stamp: FrameStamp): RawFrame {
    const { width, height } = slots.size;
    const i420 = slots.pixels(slot);
    return {
      ...stamp,
      cameraId: source.camera.id,
      width,
      height,
      i420,
      luma: i420.subarray(0, width * height),
      release: () => {
        slots.free(slot);
        if (this.#mode.fast) this.#send({ type: 'freed', camera: source.index });
      },
    };
  }

  #receive(message: FromWorker): void {
    if (message.type === 'pids') {
      this.#pids = message.pids;
      return;
    }
    const source = this.#sources[message.camera] as Source;
    if (message.type === 'dropped') source.dropped++;
    if (message.type === 'slots') source.slots.push(new FrameSlots(message.shared));
    if (message.type === 'status') {
      source.state = message.status.state;
      if (message.status.state === 'reconnecting') source.reconnects++;
      this.#onStatus({ cameraId: source.camera.id, ...message.status });
    }
    this.#wake?.();
  }

  #nextEvent(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake = undefined;
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  #send(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }
}

/** From /proc, in pages; 0 for a process that is gone. */
function residentBytes(pid: number): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
    return pages * 4096;
  } catch {
    return 0;
  }
}
