import type { Config } from '../config/schema.js';
import type { Box, TrackEnded } from '../domain/records.js';
import { assign } from './assignment.js';
import { ShotBudget } from './shot-budget.js';

/** What the tracker needs of a detected face. */
export interface TrackedFace {
  readonly box: Box;
  /** Overall quality, 0..1. */
  readonly quality: number;
}

/** A face of this step that is worth embedding. */
export interface Shot {
  readonly trackId: string;
  /** Index into the faces of the step. */
  readonly face: number;
}

/** What one step of the tracker found. */
export interface TrackStep {
  readonly shots: readonly Shot[];
  /** Confirmed tracks that are over. */
  readonly ended: readonly TrackEnded[];
}

interface Track {
  readonly id: string;
  readonly firstSeenAtMs: number;
  readonly budget: ShotBudget;
  box: Box;
  /** Movement of the centre, pixels a millisecond. */
  velocityX: number;
  velocityY: number;
  lastSeenMs: number;
  lastSeenAtMs: number;
  sightings: number;
  /** Steps in a row without it. */
  misses: number;
}

/** After so many steps without it, the face that comes back may be somebody else's. */
const GONE_MISSES = 2;
/** A face that was seen once and then not for so many steps was none. */
const TENTATIVE_MISSES = 2;

/**
 * Follows the faces of one camera: a track is tentative until it was seen `confirmHits` times, then
 * confirmed, and lost when it was not seen for `lostAfterMs`. Pure but for its own state.
 */
export class Tracker {
  #tracks: Track[] = [];
  #counter = 0;

  /**
   * @param prefix Makes track ids unique over cameras and restarts: ids are `<prefix>-<n>`.
   * @param minQuality Least quality of a face that is embedded.
   */
  constructor(
    private readonly cameraId: string,
    private readonly prefix: string,
    private readonly config: Config['tracking'],
    private readonly minQuality: number,
  ) {}

  /** Tracks that are alive, tentative ones among them. */
  get active(): number {
    return this.#tracks.length;
  }

  /**
   * Takes the faces of one frame.
   *
   * @param nowMs Clock for windows and speed: monotonic, or the media's when a file is played fast.
   * @param wallMs Wall clock of the same moment, for the records.
   */
  step(faces: readonly TrackedFace[], nowMs: number, wallMs: number): TrackStep {
    const predicted = this.#tracks.map((track) => predict(track, nowMs));
    const assigned = assign(
      predicted,
      faces.map(({ box }) => box),
      [...this.#tracks.keys()].filter((index) => this.#tracks[index]?.sightings === 1),
    );
    const shots: Shot[] = [];
    const free = new Set(faces.keys());
    for (const [index, track] of this.#tracks.entries()) {
      const face = assigned[index] ?? -1;
      const seen = faces[face];
      if (seen === undefined) {
        track.misses++;
        continue;
      }
      free.delete(face);
      if (track.misses >= GONE_MISSES) track.budget.startOver();
      follow(track, seen.box, nowMs, wallMs);
      const confirmed = track.sightings >= this.config.confirmHits;
      if (confirmed && track.budget.take(seen.quality, nowMs)) {
        shots.push({ trackId: track.id, face });
      }
    }
    const ended = this.#dropLost(nowMs);
    for (const index of free) this.#begin(faces[index] as TrackedFace, index, nowMs, wallMs, shots);
    return { shots, ended };
  }

  /** Tells whether a track is named. Unknown ids are ignored: the track may be over already. */
  settle(trackId: string, settled: boolean): void {
    this.#tracks.find(({ id }) => id === trackId)?.budget.settle(settled);
  }

  /** Ends every track. @returns The confirmed ones. */
  end(): TrackEnded[] {
    const ended = this.#tracks.filter((track) => this.#isConfirmed(track));
    this.#tracks = [];
    return ended.map((track) => this.#record(track));
  }

  #begin(face: TrackedFace, index: number, nowMs: number, wallMs: number, shots: Shot[]): void {
    if (this.#tracks.length >= this.config.maxTracks && !this.#makeRoom()) return;
    const track: Track = {
      id: `${this.prefix}-${++this.#counter}`,
      firstSeenAtMs: wallMs,
      budget: new ShotBudget(this.config, this.minQuality),
      box: face.box,
      velocityX: 0,
      velocityY: 0,
      lastSeenMs: nowMs,
      lastSeenAtMs: wallMs,
      sightings: 1,
      misses: 0,
    };
    this.#tracks.push(track);
    if (this.#isConfirmed(track) && track.budget.take(face.quality, nowMs)) {
      shots.push({ trackId: track.id, face: index });
    }
  }

  /** Gives up a tentative track that this step did not see, if there is one. */
  #makeRoom(): boolean {
    const index = this.#tracks.findIndex((track) => track.misses > 0 && !this.#isConfirmed(track));
    if (index === -1) return false;
    this.#tracks.splice(index, 1);
    return true;
  }

  #dropLost(nowMs: number): TrackEnded[] {
    const lost = this.#tracks.filter((track) => this.#isLost(track, nowMs));
    if (lost.length === 0) return [];
    this.#tracks = this.#tracks.filter((track) => !lost.includes(track));
    return lost.filter((track) => this.#isConfirmed(track)).map((track) => this.#record(track));
  }

  #isLost(track: Track, nowMs: number): boolean {
    if (nowMs - track.lastSeenMs > this.config.lostAfterMs) return true;
    return track.misses >= TENTATIVE_MISSES && !this.#isConfirmed(track);
  }

  #isConfirmed(track: Track): boolean {
    return track.sightings >= this.config.confirmHits;
  }

  #record(track: Track): TrackEnded {
    return {
      cameraId: this.cameraId,
      trackId: track.id,
      firstSeenAtMs: track.firstSeenAtMs,
      lastSeenAtMs: track.lastSeenAtMs,
      sightings: track.sightings,
      shots: track.budget.shots,
      bestQuality: track.budget.bestQuality,
    };
  }
}

/** A face that is hidden for longer is as likely to have stopped as to have gone on. */
const MAX_COAST_MS = 500;

/** Where the face would be now if it kept moving. */
function predict(track: Track, nowMs: number): Box {
  const aheadMs = Math.max(0, Math.min(nowMs - track.lastSeenMs, MAX_COAST_MS));
  return {
    ...track.box,
    x: track.box.x + track.velocityX * aheadMs,
    y: track.box.y + track.velocityY * aheadMs,
  };
}

/** Share of the newest movement in the smoothed speed, from the second movement on. */
const SMOOTHING = 0.5;

function follow(track: Track, box: Box, nowMs: number, wallMs: number): void {
  const passedMs = nowMs - track.lastSeenMs;
  if (passedMs > 0) {
    const shiftX = box.x + box.width / 2 - track.box.x - track.box.width / 2;
    const shiftY = box.y + box.height / 2 - track.box.y - track.box.height / 2;
    const share = track.sightings === 1 ? 1 : SMOOTHING;
    track.velocityX += share * (shiftX / passedMs - track.velocityX);
    track.velocityY += share * (shiftY / passedMs - track.velocityY);
  }
  track.box = box;
  track.lastSeenMs = nowMs;
  track.lastSeenAtMs = wallMs;
  track.sightings++;
  track.misses = 0;
}
