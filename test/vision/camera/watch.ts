import type { CameraConfig } from '../../../src/config/schema.js';
import { configSchema } from '../../../src/config/schema.js';
import type { CameraStatus } from '../../../src/domain/records.js';
import type { Capture, RawFrame } from '../../../src/vision/camera/capture.js';

/** A camera with the defaults of the configuration. */
export function camera(
  source: string,
  more: Partial<CameraConfig> & { id?: string } = {},
): CameraConfig {
  const { cameras } = configSchema.parse({ cameras: [{ id: 'cam', source, ...more }] });
  return cameras[0] as CameraConfig;
}

/** What a test keeps of a frame: the pixels are gone after its release. */
export interface SeenFrame extends Pick<RawFrame, 'cameraId' | 'frameId' | 'mediaMs'> {
  readonly width: number;
  readonly height: number;
  readonly atMs: number;
  readonly ageMs: number;
  /** Mean of the luma plane. */
  readonly luma: number;
}

/** Runs a capture and keeps what it says and shows. */
export class Watch {
  readonly statuses: (CameraStatus & { atMs: number })[] = [];
  readonly frames: SeenFrame[] = [];
  readonly done: Promise<void>;

  /** The pipeline takes `busyMs` for each frame, and begins when `ready` resolves. */
  constructor(
    CaptureClass: typeof Capture,
    cameras: readonly CameraConfig[],
    options: { fast?: boolean; busyMs?: number; ready?: Promise<unknown> } = {},
  ) {
    this.capture = new CaptureClass(cameras, { fast: options.fast ?? false }, (status) =>
      this.statuses.push({ ...status, atMs: performance.now() }),
    );
    this.capture.start();
    this.done = (options.ready ?? Promise.resolve()).then(() => this.#run(options.busyMs ?? 0));
  }

  readonly capture: Capture;

  get states(): string[] {
    return this.statuses.map(({ state }) => state);
  }

  get lastReason(): string | undefined {
    return this.statuses.findLast(({ reason }) => reason !== undefined)?.reason;
  }

  /** Waits until something holds. */
  async until(what: string, holds: () => boolean, timeoutMs = 20_000): Promise<number> {
    const startMs = performance.now();
    while (!holds()) {
      if (performance.now() - startMs > timeoutMs) {
        const last = JSON.stringify(this.statuses.slice(-4));
        throw new Error(`waited in vain until ${what}; ${this.frames.length} frames, ${last}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return performance.now() - startMs;
  }

  async stop(): Promise<void> {
    await this.capture.stop();
    await this.done;
  }

  async #run(busyMs: number): Promise<void> {
    for (;;) {
      const frame = await this.capture.next();
      if (frame === null) return;
      const { cameraId, frameId, mediaMs, width, height, luma } = frame;
      this.frames.push({
        ...{ cameraId, frameId, mediaMs, width, height },
        atMs: performance.now(),
        ageMs: Number(process.hrtime.bigint()) / 1e6 - frame.capturedMonoMs,
        luma: luma.reduce((sum, value) => sum + value, 0) / luma.length,
      });
      block(busyMs);
      frame.release();
      // As the vision process does: messages get their turn between two frames.
      await new Promise(setImmediate);
    }
  }
}

/** Holds the thread as an inference does. */
function block(forMs: number): void {
  const endMs = performance.now() + forMs;
  while (performance.now() < endMs);
}
