import type { Face, Observation, Quality, Size, TrackEnded } from '../domain/records.js';
import { alignFace } from '../faces/alignment.js';
import { judgeQuality } from '../faces/quality.js';
import { encodeJpeg, encodeThumbnail } from '../imaging/codec.js';
import type { Mat } from '../imaging/opencv.js';
import { Picture } from '../imaging/picture.js';
import { type Shot, Tracker } from '../tracking/tracker.js';
import type { RawFrame } from './camera/capture.js';
import { monotonicMs } from './camera/frame-slots.js';
import type { FaceEngine } from './face-engine.js';
import { IgnoredAreas } from './ignored-areas.js';
import type { PlayMode, VisionConfig } from './messages.js';
import { MotionGate } from './motion-gate.js';
import type { StageClock } from './stage-clock.js';

/** What the pipeline makes of frames. */
export interface PipelineEvents {
  observation(observation: Observation): void;
  trackEnded(track: TrackEnded): void;
}

/** Counters of one camera. */
export interface CameraCounters {
  detections: number;
  faces: number;
  tracks: number;
}

/** A detected face with what is known of it before it is embedded. */
interface SeenFace extends Face {
  readonly aligned: Mat;
  readonly judged: Quality;
}

interface CameraLine {
  readonly tracker: Tracker;
  readonly gate: MotionGate;
  readonly ignored: IgnoredAreas;
  readonly counters: CameraCounters;
  lastDetectMs: number;
}

/** A jump above it makes another picture (a cut, a camera turned): whoever was there is not followed. */
const SCENE_CUT_SHARE = 0.6;
/** Frames of a camera come some milliseconds early or late: one that is nearly due is not left out. */
const ON_TIME = 0.9;
/** JPEG quality of a snapshot frame, and of the crops that a new model is fed with. */
const FRAME_JPEG_QUALITY = 82;
const CROP_JPEG_QUALITY = 92;

/**
 * Frame → motion → faces → tracks → templates, for all cameras. One frame at a time: inference
 * blocks the thread anyway.
 */
export class Pipeline {
  readonly #lines = new Map<string, CameraLine>();
  /** Wall clock at media time zero, so that a file played fast has a steady clock. */
  readonly #startedAtMs = Date.now();
  #frames = 0;

  /** @param boot Makes track ids unique over restarts of the process. */
  constructor(
    private readonly engine: FaceEngine,
    private readonly config: VisionConfig,
    private readonly mode: PlayMode,
    private readonly boot: string,
    private readonly stages: StageClock,
    private readonly events: PipelineEvents,
  ) {}

  /** Frames processed since the start. */
  get frames(): number {
    return this.#frames;
  }

  counters(cameraId: string): CameraCounters {
    return this.#line(cameraId).counters;
  }

  /** Processes one frame; the caller releases it afterwards. */
  async process(frame: RawFrame): Promise<void> {
    this.#frames++;
    const line = this.#line(frame.cameraId);
    const nowMs = this.mode.fast ? frame.mediaMs : frame.capturedMonoMs;
    const captureMs = this.mode.fast ? 0 : monotonicMs() - frame.capturedMonoMs;
    this.stages.book('capture', captureMs);
    const [changed] = await this.stages.time('motion', () =>
      line.gate.changedShare(frame.luma, frame.width, frame.height),
    );
    if (line.gate.jumpedShare > SCENE_CUT_SHARE) this.endTracks(frame.cameraId);
    const moved = !this.config.motion.enabled || changed > this.config.motion.threshold;
    if (!this.#shouldDetect(line, moved, nowMs)) return;
    line.lastDetectMs = nowMs;
    const picture = Picture.fromI420(frame.i420, frame);
    try {
      await this.#look(line, frame, picture, nowMs, captureMs);
    } finally {
      picture.release();
    }
  }

  settle(trackId: string, settled: boolean): void {
    for (const { tracker } of this.#lines.values()) tracker.settle(trackId, settled);
  }

  /** Ends all tracks of a camera, or of every camera. */
  endTracks(cameraId?: string): void {
    for (const [id, line] of this.#lines) {
      if (cameraId === undefined || id === cameraId) this.#reportEnded(line, line.tracker.end());
    }
  }

  #line(cameraId: string): CameraLine {
    let line = this.#lines.get(cameraId);
    if (line === undefined) {
      const prefix = `${this.boot}-${cameraId}`;
      const { cameras, tracking, quality } = this.config;
      const ignored = new IgnoredAreas(cameras.find(({ id }) => id === cameraId)?.ignore ?? []);
      line = {
        tracker: new Tracker(cameraId, prefix, tracking, quality.minValue),
        gate: new MotionGate(ignored),
        ignored,
        counters: { detections: 0, faces: 0, tracks: 0 },
        lastDetectMs: Number.NEGATIVE_INFINITY,
      };
      this.#lines.set(cameraId, line);
    }
    return line;
  }

  /** While somebody is tracked or something moves, at the interval; else just now and then. */
  #shouldDetect(line: CameraLine, moved: boolean, nowMs: number): boolean {
    const sinceMs = nowMs - line.lastDetectMs;
    const busy = moved || line.tracker.active > 0;
    const { detector, motion } = this.config;
    return sinceMs >= (busy ? ON_TIME * detector.intervalMs : motion.idleDetectMs);
  }

  async #look(
    line: CameraLine,
    frame: RawFrame,
    picture: Picture,
    nowMs: number,
    captureMs: number,
  ): Promise<void> {
    const [found, detectMs] = await this.stages.time('detect', () =>
      this.engine.detector.detect(picture),
    );
    const faces = found.filter(({ box }) => !line.ignored.covers(...middleOf(box, picture.size)));
    line.counters.detections++;
    line.counters.faces += faces.length;
    const [seen] = await this.stages.time('align', () =>
      faces.map((face) => this.#judge(picture, face)),
    );
    const wallMs = this.mode.fast
      ? this.#startedAtMs + Math.round(frame.mediaMs)
      : frame.capturedAtMs;
    const { shots, ended } = line.tracker.step(
      seen.map(({ box, judged }) => ({ box, quality: this.#usable(judged) ? judged.value : 0 })),
      nowMs,
      wallMs,
    );
    this.#reportEnded(line, ended);
    if (shots.length > 0) {
      await this.#embed(shots, seen, picture, frame, wallMs, { captureMs, detectMs });
    }
    for (const { aligned } of seen) aligned.release();
  }

  #reportEnded(line: CameraLine, ended: readonly TrackEnded[]): void {
    line.counters.tracks += ended.length;
    for (const track of ended) this.events.trackEnded(track);
  }

  #judge(picture: Picture, face: Face): SeenFace {
    const aligned = alignFace(picture, face.landmarks);
    return { ...face, aligned, judged: judgeQuality(face.landmarks, face.score, aligned) };
  }

  #usable({ interocularPx, sharpness, frontality }: Quality): boolean {
    const { minInterocularPx, minSharpness, minFrontality } = this.config.quality;
    return (
      interocularPx >= minInterocularPx && sharpness >= minSharpness && frontality >= minFrontality
    );
  }

  async #embed(
    shots: readonly Shot[],
    seen: readonly SeenFace[],
    picture: Picture,
    frame: RawFrame,
    wallMs: number,
    before: { captureMs: number; detectMs: number },
  ): Promise<void> {
    const faces = shots.map(({ face }) => seen[face] as SeenFace);
    const [templates, embedMs] = await this.stages.time('embed', () =>
      this.engine.recogniser.embed(faces.map(({ aligned }) => aligned)),
    );
    const live = await this.#judgeLiveness(picture, faces);
    const whole =
      this.config.snapshots === 'frame' ? encodeJpeg(picture.bgr, FRAME_JPEG_QUALITY) : undefined;
    for (const [index, { trackId }] of shots.entries()) {
      const face = faces[index] as SeenFace;
      this.events.observation({
        cameraId: frame.cameraId,
        frameId: frame.frameId,
        capturedAtMs: wallMs,
        frame: picture.size,
        trackId,
        box: face.box,
        landmarks: face.landmarks,
        detectionScore: face.score,
        quality: face.judged,
        template: templates[index] as Float32Array,
        family: this.engine.family,
        build: this.engine.build,
        ...(live === undefined ? {} : { liveness: live[index] as number }),
        thumbnail: whole ?? encodeThumbnail(picture, face.box),
        ...(this.config.gallery.keepCrops
          ? { crop: encodeJpeg(face.aligned, CROP_JPEG_QUALITY) }
          : {}),
        timings: { ...before, embedMs },
      });
    }
  }

  async #judgeLiveness(
    picture: Picture,
    faces: readonly SeenFace[],
  ): Promise<number[] | undefined> {
    const { liveness } = this.engine;
    if (liveness === undefined) return undefined;
    const boxes = faces.map(({ box }) => box);
    const [live] = await this.stages.time('liveness', () => liveness.judge(picture, boxes));
    return live;
  }
}

/** Of a box in pixels, as shares of the picture. */
function middleOf({ x, y, width, height }: Face['box'], picture: Size): [number, number] {
  return [(x + width / 2) / picture.width, (y + height / 2) / picture.height];
}
