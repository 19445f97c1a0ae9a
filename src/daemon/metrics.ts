import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Hit, VisionStats } from '../domain/records.js';

/** Everything that is counted, for Prometheus. */
export class Metrics {
  readonly registry = new Registry();
  readonly #hits = this.#counter('faceeval_hits_total', 'Hits decided', ['camera', 'type']);
  readonly #latency = new Histogram({
    name: 'faceeval_hit_latency_seconds',
    help: 'Capture to decision',
    buckets: [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5],
    registers: [this.registry],
  });
  readonly #observations = this.#counter('faceeval_observations_total', 'Shots judged', ['camera']);
  readonly #dropped = this.#counter('faceeval_outbox_dropped_total', 'Hits dropped unsent', []);
  readonly #frames = this.#gauge('faceeval_frames', 'Frames processed', ['camera']);
  readonly #framesDropped = this.#gauge('faceeval_frames_dropped', 'Frames passed over', [
    'camera',
  ]);
  readonly #fps = this.#gauge('faceeval_fps', 'Frames a second', ['camera']);
  readonly #stage = this.#gauge('faceeval_stage_seconds', 'Stage time', ['stage', 'quantile']);
  readonly #visionRss = this.#gauge(
    'faceeval_vision_rss_bytes',
    'Memory of vision and decoders',
    [],
  );

  constructor(sizes: { outbox(): number; gallery(): number; restarts(): number }) {
    collectDefaultMetrics({ register: this.registry, prefix: 'faceeval_' });
    this.#gaugeOf('faceeval_outbox_size', 'Hits not acknowledged yet', sizes.outbox);
    this.#gaugeOf('faceeval_gallery_templates', 'Templates in the gallery', sizes.gallery);
    this.#gaugeOf('faceeval_vision_restarts', 'Restarts of the vision process', sizes.restarts);
  }

  countHit(hit: Hit): void {
    this.#hits.inc({ camera: hit.camera, type: hit.type });
    this.#latency.observe(hit.latencyMs.total / 1000);
  }

  countObservation(camera: string): void {
    this.#observations.inc({ camera });
  }

  countDropped(count: number): void {
    this.#dropped.inc(count);
  }

  takeStats({ cameras, stages, rssBytes }: VisionStats): void {
    for (const { cameraId: camera, frames, dropped, fps } of cameras) {
      this.#frames.set({ camera }, frames);
      this.#framesDropped.set({ camera }, dropped);
      this.#fps.set({ camera }, fps);
    }
    for (const { stage, p50Ms, p95Ms } of stages) {
      this.#stage.set({ stage, quantile: '0.5' }, p50Ms / 1000);
      this.#stage.set({ stage, quantile: '0.95' }, p95Ms / 1000);
    }
    this.#visionRss.set(rssBytes);
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
