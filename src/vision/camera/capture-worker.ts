import { parentPort, workerData } from 'node:worker_threads';
import type { CameraConfig } from '../../config/schema.js';
import { CameraReader, type ReaderStatus } from './camera-reader.js';
import type { SharedSlots } from './frame-slots.js';

/** What the worker is started with. */
export interface CaptureWorkerData {
  readonly cameras: readonly CameraConfig[];
  readonly fast: boolean;
}

/** From the worker to the pipeline's thread. `camera` is an index into the cameras. */
export type FromWorker = { readonly camera: number } & (
  | { readonly type: 'slots'; readonly shared: SharedSlots }
  | { readonly type: 'frame' }
  | { readonly type: 'dropped' }
  | { readonly type: 'decoder'; readonly pid: number | null }
  | { readonly type: 'status'; readonly status: ReaderStatus }
);

/** From the pipeline's thread to the worker. */
export type ToWorker =
  | { readonly type: 'freed'; readonly camera: number }
  | { readonly type: 'pause'; readonly camera: number; readonly on: boolean }
  | { readonly type: 'stop' };

/**
 * Runs in a thread of its own, without any native addon: however long an inference blocks the
 * pipeline's thread, the decoders' pipes are drained and the newest frame is there.
 */
function main(port: NonNullable<typeof parentPort>): void {
  const { cameras, fast } = workerData as CaptureWorkerData;
  const send = (message: FromWorker): void => port.postMessage(message);
  const readers = cameras.map(
    (config, camera) =>
      new CameraReader(config, fast, {
        slots: (shared) => send({ type: 'slots', camera, shared }),
        frame: () => send({ type: 'frame', camera }),
        dropped: () => send({ type: 'dropped', camera }),
        decoder: (pid) => send({ type: 'decoder', camera, pid }),
        status: (status) => send({ type: 'status', camera, status }),
      }),
  );
  port.on('message', (message: ToWorker) => {
    if (message.type === 'freed') readers[message.camera]?.slotFreed();
    if (message.type === 'pause') readers[message.camera]?.pause(message.on);
    if (message.type === 'stop') {
      for (const reader of readers) reader.stop();
      port.close();
    }
  });
  for (const reader of readers) reader.start();
}

if (parentPort !== null) main(parentPort);
