import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { CameraStats, CameraStatus, Hit, VisionStats } from '../domain/records.js';
import type { Swept } from '../hits/retention.js';
import type { ActiveBuild } from '../vision/messages.js';
import type { Readings } from './slow-readings.js';

/** Values that are read when Prometheus asks. */
export interface MetricSources {
  readonly version: string;
  readonly outbox: () => number;
  /** Bytes of the database in use. */
  readonly databaseBytes: () => number;
  readonly gallery: () => number;
  readonly restarts: () => number;
  readonly mqttConnected: () => boolean;
  readonly readings: () => Readings;
}

/** Counters of a camera: they begin at zero again with each vision process. */
const CAMERA_COUNTERS = {
  frames: ['faceeval_frames_total', 'Frames worked on'],
  dropped: ['faceeval_frames_dropped_total', 'Frames passed over for a newer one'],
  detections: ['faceeval_detections_total', 'Runs of the detector'],
  faces: ['faceeval_faces_total', 'Faces found'],
  tracks: ['faceeval_tracks_total', 'Tracks begun'],
  reconnects: ['faceeval_camera_reconnects_total', 'Times that a camera was opened again'],
} as const;
type CameraCounter = keyof typeof CAMERA_COUNTERS;
const CAMERA_COUNTER_KEYS = Object.keys(CAMERA_COUNTERS) as readonly CameraCounter[];

/** Everything that is counted, for Prometheus (docs/grafana). */
export class Metrics {
  readonly registry = new Registry();
  readonly #hits = this.#counter('faceeval_hits_total', 'Hits decided', ['camera', 'type']);
  readonly #latency = new Histogram({
    name: 'faceeval_hit_latency_seconds',
    help: 'Capture to decision of a hit',
    buckets: [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5],
    registers: [this.registry],
  });
  readonly #observations = this.#counter('faceeval_observations_total', 'Shots judged', ['camera']);
  readonly #dropped = this.#counter('faceeval_outbox_dropped_total', 'Hits dropped unsent', []);
  readonly #swept = this.#counter('faceeval_retention_deleted_total', 'Rows past their time', [
    'kind',
  ]);
  readonly #cameraUp = this.#gauge('faceeval_camera_up', 'Whether the camera is online', [
    'camera',
  ]);
  readonly #cameraPaused = this.#gauge(
    'faceeval_camera_paused',
    'Whether somebody paused the camera, which is then meant to be away',
    ['camera'],
  );
  readonly #fps = this.#gauge('faceeval_camera_fps', 'Frames worked on a second', ['camera']);
  readonly #stage = this.#gauge('faceeval_stage_seconds', 'Time of a stage over a minute', [
    'stage',
    'quantile',
  ]);
  readonly #visionRss = this.#gauge(
    'faceeval_vision_rss_bytes',
    'Memory of vision and decoders',
    [],
  );
  readonly #build = this.#gauge('faceeval_build_info', 'Builds in use', [
    'role',
    'id',
    'precision',
    'provider',
  ]);
  readonly #cameraCounters: Readonly<Record<CameraCounter, Counter<'camera'>>>;
  readonly #lastStats = new Map<string, CameraStats>();
  /** When the newest frame was taken, on this process's clock. */
  #frameAtMs = Number.NaN;

  constructor(sources: MetricSources) {
    collectDefaultMetrics({ register: this.registry, prefix: 'faceeval_' });
    this.#cameraCounters = Object.fromEntries(
      CAMERA_COUNTER_KEYS.map((key) => {
        const [name, help] = CAMERA_COUNTERS[key];
        return [key, this.#counter(name, help, ['camera'])];
      }),
    ) as Record<CameraCounter, Counter<'camera'>>;
    this.#gaugeOf('faceeval_outbox_messages', 'Hits not acknowledged yet', sources.outbox);
    this.#gaugeOf('faceeval_database_bytes', 'Database in use', sources.databaseBytes);
    this.#gaugeOf('faceeval_gallery_templates', 'Templates in the gallery', sources.gallery);
    this.#gaugeOf('faceeval_vision_restarts', 'Restarts of the vision process', sources.restarts);
    this.#gaugeOf('faceeval_mqtt_connected', 'Whether there is a connection to the broker', () =>
      Number(sources.mqttConnected()),
    );
    this.#gaugeOf('faceeval_temperature_celsius', 'Temperature of the processor', () => {
      return sources.readings().temperatureC ?? Number.NaN;
    });
    this.#gaugeOf('faceeval_frame_age_seconds', 'Age of the newest frame', () => {
      return (performance.now() - this.#frameAtMs) / 1_000;
    });
    this.#gauge('faceeval_info', 'Version', ['version', 'node']).set(
      { version: sources.version, node: process.version },
      1,
    );
  }

  countHit(hit: Hit): void {
    this.#hits.inc({ camera: hit.camera, type: hit.type });
    this.#latency.observe(hit.latencyMs.total / 1_000);
  }

  countObservation(camera: string): void {
    this.#observations.inc({ camera });
  }

  countDropped(count: number): void {
    this.#dropped.inc(count);
  }

  countSwept(swept: Swept): void {
    for (const [kind, count] of Object.entries(swept)) this.#swept.inc({ kind }, count);
  }

  takeCamera({ cameraId, state }: CameraStatus): void {
    this.#cameraUp.set({ camera: cameraId }, Number(state === 'online'));
    this.#cameraPaused.set({ camera: cameraId }, Number(state === 'paused'));
  }

  takeBuilds(builds: readonly ActiveBuild[]): void {
    this.#build.reset();
    for (const { role, id, precision, provider } of builds) {
      this.#build.set({ role, id, precision, provider }, 1);
    }
  }

  takeStats({ cameras, stages, rssBytes, frameAgeMs }: VisionStats): void {
    for (const camera of cameras) this.#takeCameraStats(camera);
    for (const { stage, p50Ms, p95Ms } of stages) {
      this.#stage.set({ stage, quantile: '0.5' }, p50Ms / 1_000);
      this.#stage.set({ stage, quantile: '0.95' }, p95Ms / 1_000);
    }
    this.#visionRss.set(rssBytes);
    this.#frameAtMs = performance.now() - (frameAgeMs ?? Number.NaN);
  }

  /** No frame is worked on until the process is back. */
  visionExited(): void {
    for (const camera of this.#lastStats.keys()) this.#fps.set({ camera }, 0);
    this.#visionRss.set(0);
  }

  /** Drops what is said of a camera that is no longer watched: an alert would never end. */
  forgetCamera(camera: string): void {
    this.#lastStats.delete(camera);
    this.#cameraUp.remove({ camera });
    this.#cameraPaused.remove({ camera });
    this.#fps.remove({ camera });
    for (const key of CAMERA_COUNTER_KEYS) this.#cameraCounters[key].remove({ camera });
  }

  #takeCameraStats(stats: CameraStats): void {
    const { cameraId: camera } = stats;
    const last = this.#lastStats.get(camera);
    this.#lastStats.set(camera, stats);
    this.#fps.set({ camera }, stats.fps);
    for (const key of CAMERA_COUNTER_KEYS) {
      const before = last?.[key] ?? 0;
      // Less than before: a new vision process counts from zero.
      const more = stats[key] >= before ? stats[key] - before : stats[key];
      this.#cameraCounters[key].inc({ camera }, more);
    }
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge<L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #gaugeOf(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(value());
      },
    });
  }
}
