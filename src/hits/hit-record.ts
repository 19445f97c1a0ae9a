import type { Hit, Identity, Match, Observation } from '../domain/records.js';
import type { Stranger } from '../gallery/strangers.js';

/** Whom a hit is about. */
export type Whom =
  | { readonly type: 'recognised'; readonly identity: Identity }
  | { readonly type: 'unknown'; readonly stranger: Stranger };

export interface HitParts {
  readonly id: string;
  readonly whom: Whom;
  /** The shot at which it was decided. */
  readonly observation: Observation;
  readonly match: Match;
  /** Shots that the decision rests on. */
  readonly shots: number;
  /** Quality of the best of them, 0..1. */
  readonly quality: number;
  readonly matchMs: number;
  /** From capture to decision; null when the pictures are not of now. */
  readonly sinceCaptureMs: number | null;
}

/** The hit as it is stored and published, with figures that a person can read. */
export function makeHit(parts: HitParts): Hit {
  const { id, whom, observation, match, shots, quality, matchMs, sinceCaptureMs } = parts;
  const { timings, box, liveness } = observation;
  const workMs = timings.captureMs + timings.detectMs + timings.embedMs + matchMs;
  return {
    schema: 1,
    id,
    ...whom,
    time: new Date(observation.capturedAtMs).toISOString(),
    camera: observation.cameraId,
    track: observation.trackId,
    similarity: rounded(match.similarity, 4),
    threshold: rounded(match.threshold, 4),
    margin: rounded(match.similarity - match.runnerUp, 4),
    shots,
    quality: rounded(quality, 3),
    ...(liveness !== undefined && { liveness: rounded(liveness, 3) }),
    box: {
      x: Math.round(box.x),
      y: Math.round(box.y),
      width: Math.round(box.width),
      height: Math.round(box.height),
    },
    frame: observation.frame,
    model: observation.build,
    latencyMs: {
      capture: rounded(timings.captureMs, 1),
      detect: rounded(timings.detectMs, 1),
      embed: rounded(timings.embedMs, 1),
      match: rounded(matchMs, 1),
      total: rounded(sinceCaptureMs ?? workMs, 1),
    },
  };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
