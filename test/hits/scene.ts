import { type ConfigInput, configSchema } from '../../src/config/schema.js';
import type { Database } from '../../src/daemon/database.js';
import type { Hit, Observation, Template } from '../../src/domain/records.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { Outbox } from '../../src/hits/outbox.js';
import { type Outcome, Recognition } from '../../src/hits/recognition.js';
import { Retention } from '../../src/hits/retention.js';
import { memoryDatabase } from '../daemon/state-folder.js';
import { faceNear, randomFace, seededRandom } from '../gallery/faces.js';
import { TestClock } from './records.js';

export const THRESHOLD = 0.4;
const FAMILY = 'test';

/** Says what a shot is like beside its face. */
export interface ShotOptions {
  readonly camera?: string;
  readonly track?: string;
  readonly quality?: number;
  readonly liveness?: number;
  /** Cosine of the shot to the face: shots of one face differ. */
  readonly likeness?: number;
}

/** A gallery, a clock and faces in front of cameras: no pictures, only templates. */
export class Scene {
  readonly random: () => number;
  readonly clock = new TestClock();
  readonly hits: Hit[] = [];
  readonly store: IdentityStore;
  recognition: Recognition;
  #frame = 0;

  private constructor(
    readonly db: Database,
    private readonly config: ConfigInput,
    private readonly fast: boolean,
    seed: number,
  ) {
    this.random = seededRandom(seed);
    this.store = new IdentityStore(db);
    this.recognition = this.#begin();
  }

  static open(config: ConfigInput = {}, { fast = false, seed = 1 } = {}): Scene {
    return new Scene(memoryDatabase(), config, fast, seed);
  }

  /** A new process on the same database. */
  restart(): void {
    this.recognition = this.#begin();
  }

  /** Somebody nobody knows. */
  stranger(): Template {
    return randomFace(this.random);
  }

  /** @param face As whom the person looks; somebody new when absent. */
  enrol(name: string, face = this.stranger()): Template {
    const { id } = this.store.ensure(name);
    this.store.addTemplate(id, {
      ...{ family: FAMILY, build: 'test', vector: face, quality: 0.9, source: 'test' },
    });
    this.recognition.reloadGallery();
    return face;
  }

  /** One shot of a face, as the vision process would report it. */
  see(face: Template, options: ShotOptions = {}): Outcome {
    const { camera = 'door', track = 'v1-1', quality = 0.8, likeness = 0.85 } = options;
    const outcome = this.recognition.observe({
      ...shotOf(camera, track, quality),
      frameId: ++this.#frame,
      capturedAtMs: this.clock.nowMs(),
      template: faceNear(face, likeness, this.random),
      ...(options.liveness !== undefined && { liveness: options.liveness }),
    });
    if (outcome.hit !== undefined) this.hits.push(outcome.hit);
    return outcome;
  }

  /** A whole appearance: enough shots of one look for any verdict. */
  visit(face: Template, track: string, options: ShotOptions = {}): Hit | undefined {
    const before = this.hits.length;
    for (let n = 0; n < 4; n++) this.see(face, { ...options, track });
    this.leave(track, options.camera);
    return this.hits[before];
  }

  /** What the daemon does every hour. */
  sweep(): void {
    const retention = new Retention(this.db);
    retention.step(configSchema.parse(this.config).retention, this.clock.nowMs());
    this.recognition.reloadGallery();
  }

  leave(track: string, camera = 'door'): void {
    const times = { firstSeenAtMs: 0, lastSeenAtMs: 0 };
    this.recognition.endTrack({
      ...{ cameraId: camera, trackId: track, ...times },
      ...{ sightings: 1, shots: 1, bestQuality: 1 },
    });
  }

  /** Names of the hits so far, `?` for unknown. */
  get names(): string[] {
    return this.hits.map(({ identity }) => identity?.name ?? '?');
  }

  #begin(): Recognition {
    return new Recognition({
      ...{ db: this.db, outbox: new Outbox(this.db, this.clock), family: FAMILY },
      ...{ config: configSchema.parse(this.config), threshold: THRESHOLD },
      ...{ clock: this.clock, fast: this.fast },
    });
  }
}

function shotOf(cameraId: string, trackId: string, quality: number): Observation {
  const at = { x: 0, y: 0 };
  return {
    ...{ cameraId, trackId, frameId: 0, capturedAtMs: 0, frame: { width: 640, height: 480 } },
    box: { x: 10, y: 10, width: 90, height: 110 },
    landmarks: [at, at, at, at, at],
    detectionScore: 0.99,
    quality: { value: quality, interocularPx: 40, sharpness: 0.8, frontality: 0.9, luma: 120 },
    template: new Float32Array(),
    ...{ family: FAMILY, build: 'test-fp32' },
    crop: new Uint8Array([0xff, 0xd8, trackId.length]),
    timings: { captureMs: 5, detectMs: 10, embedMs: 15 },
  };
}
