import { randomBytes } from 'node:crypto';
import type { Observation } from '../domain/records.js';
import { type DaemonMessage, PROTOCOL, type VisionMessage } from '../vision/messages.js';
import { axisTemplate, PEOPLE, type SyntheticScene } from './synthetic-scene.js';

/**
 * Stands in for the vision process where hits are needed at a rate that no footage gives: people
 * appear one after the other, some enrolled, some strangers. Everything else of the daemon is real.
 */

const STRANGERS = 40;
/** Shots of one appearance: enough to say that somebody is unknown. */
const SHOTS = 3;
/** As large as the crop of a real face. */
const CROP_BYTES = 4_500;
const STATS_MS = 1_000;

class SyntheticVision {
  readonly #boot = randomBytes(4).toString('hex');
  readonly #crop = randomBytes(CROP_BYTES);
  #appeared = 0;

  constructor(private readonly scene: SyntheticScene) {}

  start(): void {
    process.on('message', (message: DaemonMessage) => this.#take(message));
    process.once('disconnect', () => process.exit(0));
    send({ type: 'hello', protocol: PROTOCOL, pid: process.pid, boot: this.#boot });
  }

  #take(message: DaemonMessage): void {
    if (message.type === 'configure') this.#begin(message.config.cameras[0]?.id ?? 'cam');
    if (message.type === 'shutdown') process.exit(0);
    if (message.type !== 'analyse') return;
    const { requestId } = message;
    send({ type: 'analysed', requestId, analysis: { ok: false, error: 'nothing is analysed' } });
  }

  #begin(cameraId: string): void {
    const { build, family, hitsPerSecond } = this.scene;
    const role = { provider: 'cpu', precision: 'fp32', reason: 'synthetic' };
    send({
      type: 'ready',
      builds: [{ role: 'recogniser', id: build, family, ...role }],
      loadMs: 0,
    });
    send({ type: 'cameraStatus', status: { cameraId, state: 'online', sinceMs: Date.now() } });
    setInterval(() => {
      const rssBytes = process.memoryUsage.rss();
      const memory = { rssBytes, peakRssBytes: rssBytes, decodersRssBytes: 0 };
      send({ type: 'stats', stats: { cameras: [], stages: [], frameAgeMs: 0, ...memory } });
    }, STATS_MS);
    setInterval(() => this.#appear(cameraId), 1_000 / hitsPerSecond);
  }

  #appear(cameraId: string): void {
    const { appearances, strangerShare } = this.scene;
    if (this.#appeared >= appearances) return;
    const number = this.#appeared++;
    const trackId = `${this.#boot}-${cameraId}-${number}`;
    const isStranger =
      Math.floor((number + 1) * strangerShare) > Math.floor(number * strangerShare);
    const axis = isStranger ? PEOPLE + (number % STRANGERS) : number % PEOPLE;
    for (let shot = 0; shot < SHOTS; shot++) {
      send({ type: 'observation', observation: this.#shot(cameraId, trackId, axis) });
    }
    const atMs = Date.now();
    send({
      type: 'trackEnded',
      track: {
        ...{ cameraId, trackId, firstSeenAtMs: atMs, lastSeenAtMs: atMs },
        ...{ sightings: SHOTS, shots: SHOTS, bestQuality: 0.8 },
      },
    });
  }

  #shot(cameraId: string, trackId: string, axis: number): Observation {
    const { build, family, dimension } = this.scene;
    const at = { x: 100, y: 100 };
    return {
      ...{ cameraId, trackId, build, family },
      frameId: this.#appeared,
      capturedAtMs: Date.now(),
      frame: { width: 640, height: 480 },
      box: { ...at, width: 100, height: 120 },
      landmarks: [at, at, at, at, at],
      detectionScore: 0.99,
      quality: { value: 0.8, interocularPx: 50, sharpness: 0.9, frontality: 0.9, luma: 120 },
      template: axisTemplate(axis, dimension),
      crop: this.#crop,
      timings: { captureMs: 1, detectMs: 1, embedMs: 1 },
    };
  }
}

function send(message: VisionMessage): void {
  process.send?.(message);
}

new SyntheticVision(JSON.parse(process.env.FACEEVAL_SYNTHETIC ?? '') as SyntheticScene).start();
