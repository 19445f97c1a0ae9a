/**
 * The records that travel the straight line frame → face → track → template → match → hit → message.
 * Plain data only: every record survives a structured clone.
 */

/** Axis-aligned box in pixels of the captured frame; may reach over the frame's edge. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Point in pixels of the captured frame. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Five landmarks: left eye, right eye, nose, left and right mouth corner, as seen in the image. */
export type Landmarks = readonly [Point, Point, Point, Point, Point];

/** One detected face. `score` is the detector's last stage, 0..1. */
export interface Face {
  readonly box: Box;
  readonly score: number;
  readonly landmarks: Landmarks;
}

/** How well a face can be judged; `value` is the product of the parts, 0..1. */
export interface Quality {
  readonly value: number;
  /** Distance between the eyes in pixels of the frame. */
  readonly interocularPx: number;
  /** Sharpness of the aligned face, 0 (blurred) .. 1 (sharp). */
  readonly sharpness: number;
  /** Share of the pose that is frontal, 0 (profile) .. 1 (frontal). */
  readonly frontality: number;
  /** Mean luma of the aligned face, 0..255. */
  readonly luma: number;
}

/** L2-normalised vector of a recogniser family. */
export type Template = Float32Array;

/** Milliseconds spent in each stage for the frame an observation comes from. */
export interface StageTimings {
  /** Age of the frame when the pipeline took it. */
  readonly captureMs: number;
  readonly detectMs: number;
  readonly embedMs: number;
}

/** What the vision process says about one good shot of one track. */
export interface Observation {
  readonly cameraId: string;
  readonly frameId: number;
  /** Wall clock of the capture, milliseconds since the epoch. */
  readonly capturedAtMs: number;
  readonly frame: Size;
  /** Unique over restarts of the vision process: `<boot>-<counter>`. */
  readonly trackId: string;
  readonly box: Box;
  readonly landmarks: Landmarks;
  readonly detectionScore: number;
  readonly quality: Quality;
  /** Probability of a live face, 0..1, when liveness runs. */
  readonly liveness?: number;
  readonly template: Template;
  readonly family: string;
  readonly build: string;
  /** JPEG of the face with some surroundings, or of the whole frame when snapshots ask for it. */
  readonly thumbnail?: Uint8Array;
  /** Aligned 112×112 face as JPEG, to re-embed when the recogniser's family changes. */
  readonly crop?: Uint8Array;
  readonly timings: StageTimings;
}

/** A track is over: nothing more will be said about it. */
export interface TrackEnded {
  readonly cameraId: string;
  readonly trackId: string;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  /** Frames in which the detector saw the face. */
  readonly sightings: number;
  /** Shots that were good enough to embed. */
  readonly shots: number;
  readonly bestQuality: number;
}

/** What a camera is doing. */
export type CameraState = 'connecting' | 'online' | 'reconnecting' | 'lost' | 'ended' | 'paused';

/** A camera changed state; published retained. */
export interface CameraStatus {
  readonly cameraId: string;
  readonly state: CameraState;
  /** Why, in words for the user, when not online. */
  readonly reason?: string;
  /** Wall clock since when. */
  readonly sinceMs: number;
  readonly frame?: Size;
}

/** Counters of one camera since its start. */
export interface CameraStats {
  readonly cameraId: string;
  readonly frames: number;
  /** Frames replaced by a newer one before the pipeline took them. */
  readonly dropped: number;
  readonly detections: number;
  readonly faces: number;
  readonly tracks: number;
  readonly reconnects: number;
  readonly fps: number;
  /** Age of the newest frame that the pipeline finished; null while there is none. */
  readonly frameAgeMs: number | null;
}

/** Quantiles of one stage over the last minute. */
export interface StageStats {
  readonly stage: 'capture' | 'motion' | 'detect' | 'track' | 'align' | 'embed' | 'liveness';
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly totalMs: number;
}

/** Once a second from the vision process. */
export interface VisionStats {
  readonly cameras: readonly CameraStats[];
  readonly stages: readonly StageStats[];
  /** Resident memory of the vision process and its capture children. */
  readonly rssBytes: number;
  /** Highest resident memory of the vision process alone. */
  readonly peakRssBytes: number;
  /** Resident memory of the decoders alone. */
  readonly decodersRssBytes: number;
  /** Age of the newest frame that the pipeline finished, over all online cameras. */
  readonly frameAgeMs: number | null;
}

/** One identity of the gallery. */
export interface Identity {
  readonly id: string;
  readonly name: string;
}

/** Nearest identities of a probe. Similarities are raw cosines. */
export interface Match {
  readonly identity: Identity | null;
  readonly similarity: number;
  /** Similarity of the best template of any other identity; -1 when there is none. */
  readonly runnerUp: number;
  /** Threshold that holds for `identity`. */
  readonly threshold: number;
}

/** What a track's evidence says about who it is. */
export type Verdict =
  | { readonly kind: 'recognised'; readonly identity: Identity; readonly match: Match }
  | { readonly kind: 'unknown'; readonly match: Match }
  | { readonly kind: 'undecided'; readonly match: Match | null };

/** A decided hit: exactly what leaves as JSON on `<base>/hits` or `<base>/unknowns`. */
export interface Hit {
  readonly schema: 1;
  /** ULID; a re-send carries the same id. */
  readonly id: string;
  readonly type: 'recognised' | 'unknown';
  /** ISO 8601 time of capture. */
  readonly time: string;
  readonly camera: string;
  readonly track: string;
  readonly identity?: Identity;
  /** Stable stranger this unknown belongs to, when clustering placed it. */
  readonly stranger?: { readonly id: string; readonly label: string };
  readonly similarity: number;
  readonly threshold: number;
  readonly margin: number;
  readonly shots: number;
  readonly quality: number;
  readonly liveness?: number;
  readonly box: Box;
  readonly frame: Size;
  readonly model: string;
  readonly latencyMs: {
    readonly capture: number;
    readonly detect: number;
    readonly embed: number;
    readonly match: number;
    readonly total: number;
  };
  /** Set on a message that waited in the outbox. */
  readonly delayed?: true;
  /** How long it waited, milliseconds. */
  readonly ageMs?: number;
}
