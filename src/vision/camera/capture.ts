import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { CameraConfig } from '../../config/schema.js';
import type { CameraStatus } from '../../domain/records.js';
import type { PlayMode } from '../messages.js';
import type { ReaderStatus } from './camera-reader.js';
import type { CaptureWorkerData, FromWorker, ToWorker } from './capture-worker.js';
import { FrameSlots, type FrameStamp, type TakenSlot } from './frame-slots.js';

/** How long the decoders get to end. */
const STOP_MS = 2_000;

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
  /** Nothing more will come. */
  final: boolean;
  /** Process id of the decoder, while one runs. */
  decoderPid: number | null;
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
  #failure: Error | undefined;
  #stopped = false;

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
      final: false,
      decoderPid: null,
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
      // Sockets close the pipes that they are given; Node would close the numbers once more.
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 },
    });
    worker.on('message', (message: FromWorker) => this.#receive(message));
    worker.on('error', (error) => {
      this.#failure = error;
    });
    worker.once('exit', () => {
      this.#worker = undefined;
      if (!this.#stopped) this.#failure ??= new Error('the capture thread ended');
      this.#wake?.();
    });
    this.#worker = worker;
  }

  /**
   * Waits for the next frame.
   *
   * @returns null when every source has ended for good, on abort, or when the capture was stopped.
   * @throws The error that ended the capture thread.
   */
  async next(signal?: AbortSignal): Promise<RawFrame | null> {
    while (signal?.aborted !== true && !this.#stopped) {
      if (this.#failure !== undefined) throw this.#failure;
      const frame = this.#take();
      if (frame !== null) return frame;
      if (this.#sources.every(({ final }) => final)) return null;
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
    return this.#sources.reduce((sum, { decoderPid }) => sum + residentBytes(decoderPid), 0);
  }

  /** Ends every decoder and the thread. Frames that were not released stay valid. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#stopped = true;
    if (worker === undefined) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage({ type: 'stop' } satisfies ToWorker);
    // A decoder that hangs in its driver cannot even be killed: the thread does not wait for it.
    const hard = setTimeout(() => void worker.terminate(), STOP_MS);
    await ended;
    clearTimeout(hard);
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
    for (let slots = source.slots[0]; slots !== undefined; slots = source.slots[0]) {
      const last = source.slots.length === 1;
      const outdated = !last && slots.shared.order === 'newest';
      const taken = outdated ? null : slots.take();
      if (taken !== null) {
        source.dropped += taken.dropped;
        return this.#wrap(source, slots, taken);
      }
      if (last) return null;
      source.dropped += slots.discardUnread();
      source.slots.shift();
    }
    return null;
  }

  #wrap(source: Source, slots: FrameSlots, { slot, stamp }: TakenSlot): RawFrame {
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
        if (slots.shared.order === 'oldest') this.#send({ type: 'freed', camera: source.index });
      },
    };
  }

  #receive(message: FromWorker): void {
    const source = this.#sources[message.camera] as Source;
    switch (message.type) {
      case 'slots':
        source.slots.push(new FrameSlots(message.shared));
        break;
      case 'dropped':
        source.dropped++;
        return;
      case 'decoder':
        source.decoderPid = message.pid;
        return;
      case 'status':
        this.#takeStatus(source, message.status);
        break;
      case 'frame':
        break;
    }
    this.#wake?.();
  }

  #takeStatus(source: Source, { final, ...status }: ReaderStatus): void {
    const { state } = status;
    source.state = state;
    source.final = final;
    if (!final && (state === 'reconnecting' || state === 'lost')) source.reconnects++;
    if (state === 'paused') for (const slots of source.slots) slots.discardUnread();
    this.#onStatus({ cameraId: source.camera.id, ...status });
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
function residentBytes(pid: number | null): number {
  if (pid === null) return 0;
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
    return pages * 4096;
  } catch {
    return 0;
  }
}
