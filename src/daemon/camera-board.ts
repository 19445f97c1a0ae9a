import type { Logger } from 'pino';
import type { CameraStatus, VisionStats } from '../domain/records.js';
import type { MqttConnection } from '../mqtt/client.js';
import { cameraStatePayload } from '../mqtt/payloads.js';
import type { Topics } from '../mqtt/topics.js';
import type { Health } from './health.js';
import type { Metrics } from './metrics.js';

export interface CameraBoardOptions {
  /** Ids of the cameras that are watched. */
  readonly cameras: readonly string[];
  readonly health: Pick<Health, 'takeCamera' | 'keepCameras' | 'takeStats' | 'visionExited'>;
  readonly metrics: Pick<Metrics, 'takeCamera' | 'forgetCamera' | 'takeStats' | 'visionExited'>;
  readonly mqtt: Pick<MqttConnection, 'retain' | 'clear'>;
  readonly topics: Topics;
  readonly log: Logger;
}

/** What each camera does, and who is told when that changes. */
export class CameraBoard {
  readonly #cameras = new Map<string, CameraStatus>();

  #watched: ReadonlySet<string>;

  constructor(private readonly options: CameraBoardOptions) {
    this.#watched = new Set(options.cameras);
  }

  get all(): ReadonlyMap<string, CameraStatus> {
    return this.#cameras;
  }

  take(status: CameraStatus): void {
    const { health, metrics, mqtt, topics, log } = this.options;
    const { cameraId, state, reason } = status;
    // A vision process that is about to be replaced still speaks of cameras that are gone.
    if (!this.#watched.has(cameraId)) return;
    const before = this.#cameras.get(cameraId);
    this.#cameras.set(cameraId, status);
    health.takeCamera(status);
    metrics.takeCamera(status);
    if (before?.state === state && before.reason === reason) return;
    const bad = state === 'lost' || state === 'reconnecting';
    log[bad ? 'warn' : 'info']({ camera: cameraId, reason }, `camera ${cameraId} is ${state}`);
    mqtt.retain(topics.cameraState(cameraId), cameraStatePayload(status));
  }

  takeStats(stats: VisionStats): void {
    const cameras = stats.cameras.filter(({ cameraId }) => this.#watched.has(cameraId));
    for (const one of [this.options.health, this.options.metrics]) {
      one.takeStats({ ...stats, cameras });
    }
  }

  /** Nobody looks through the cameras until the process is back: their states must not say so. */
  visionExited(): void {
    const { health, metrics } = this.options;
    health.visionExited();
    metrics.visionExited();
    const reason = 'the vision process is being started again';
    for (const { cameraId, state } of [...this.#cameras.values()]) {
      if (state !== 'online' && state !== 'connecting') continue;
      this.take({ cameraId, state: 'reconnecting', reason, sinceMs: Date.now() });
    }
  }

  /** Forgets the cameras that are watched no longer. */
  keep(ids: ReadonlySet<string>): void {
    const { health, metrics, mqtt, topics } = this.options;
    for (const id of this.#watched) {
      if (ids.has(id)) continue;
      if (this.#cameras.delete(id)) mqtt.clear(topics.cameraState(id));
      metrics.forgetCamera(id);
    }
    this.#watched = ids;
    health.keepCameras(ids);
  }
}
