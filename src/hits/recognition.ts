import type { Database } from 'better-sqlite3';
import { monotonicFactory } from 'ulid';
import type { Config } from '../config/schema.js';
import type { Clock } from '../domain/clock.js';
import type { Hit, Identity, Match, Observation, TrackEnded } from '../domain/records.js';
import { GalleryIndex } from '../gallery/gallery-index.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { raiseThresholds } from '../gallery/pair-thresholds.js';
import { type Stranger, Strangers } from '../gallery/strangers.js';
import { Cooldown } from './cooldown.js';
import { HitStore } from './hit-store.js';
import type { Outbox } from './outbox.js';
import { Presence, type PresenceNow } from './presence.js';
import { TrackEvidence } from './track-evidence.js';
import { judge } from './verdict.js';

export interface RecognitionOptions {
  readonly db: Database;
  /** The one that is pumped: what it acknowledged leaves with the next hit. */
  readonly outbox: Outbox;
  readonly config: Config;
  /** Recogniser family whose templates are compared. */
  readonly family: string;
  /** Cosine that the asked false-accept rate needs. */
  readonly threshold: number;
  readonly clock: Clock;
  /** In a file that is played fast, time passes as its pictures say. */
  readonly fast: boolean;
}

/** What an observation led to. */
export interface Outcome {
  /** Written for good, with its outbox row. */
  readonly hit: Hit | undefined;
  /** The track is named: the vision process may save its work. */
  readonly settled: boolean;
  /** Who is present changed. */
  readonly presenceChanged: boolean;
}

interface TrackState {
  readonly evidence: TrackEvidence;
  identity: Identity | null;
  /** Identity ids, and `unknown`, that this track was reported as. */
  readonly reported: Set<string>;
}

/** Candidates that a verdict looks at. */
const CANDIDATES = 3;

/** From observation to hit: evidence, match, verdict, cooldown, record. */
export class Recognition {
  readonly #options: RecognitionOptions;
  readonly #hits: HitStore;
  readonly #strangers: Strangers;
  readonly #index = new GalleryIndex();
  readonly #tracks = new Map<string, TrackState>();
  readonly #cooldown: Cooldown;
  readonly #unknownCooldown: Cooldown;
  readonly #presence: Presence;
  readonly #nextId = monotonicFactory();
  #raised = new Map<string, number>();

  constructor(options: RecognitionOptions) {
    const { db, outbox, config, family, threshold } = options;
    this.#options = options;
    this.#hits = new HitStore(db, outbox);
    this.#strangers = new Strangers(db, family, threshold);
    this.#cooldown = new Cooldown(config.hits.cooldownMs);
    this.#unknownCooldown = new Cooldown(config.hits.unknownCooldownMs);
    this.#presence = new Presence(config.hits.presenceWindowMs);
    this.reloadGallery();
  }

  get gallerySize(): number {
    return this.#index.size;
  }

  /** Reads the gallery anew; tracks under way are judged by the new one. */
  reloadGallery(): void {
    const { db, config, family, threshold } = this.#options;
    const templates = new IdentityStore(db).templates(family);
    this.#index.load(templates);
    this.#raised = raiseThresholds(templates, threshold, config.gallery);
  }

  /** @throws FaceEvalError STORE when the hit cannot be written. */
  observe(observation: Observation): Outcome {
    const startMs = performance.now();
    const nowMs = this.#timeOf(observation);
    const track = this.#trackOf(observation.trackId);
    if (track.evidence.add(observation)) {
      track.identity = null;
      track.reported.clear();
    }
    const template = track.evidence.template as Float32Array;
    const verdict = judge(
      {
        candidates: this.#index.search(template, CANDIDATES),
        shots: track.evidence.count,
        before: track.identity,
      },
      (id) => (id === null ? undefined : this.#raised.get(id)) ?? this.#options.threshold,
      this.#options.config.hits,
    );
    if (verdict.kind === 'undecided') {
      return { hit: undefined, settled: false, presenceChanged: false };
    }
    const { cameraId, trackId } = observation;
    if (verdict.kind === 'unknown') {
      track.identity = null;
      const presenceChanged = this.#presence.see(cameraId, trackId, null, nowMs);
      const hit = this.#reportUnknown(track, observation, verdict.match, nowMs, startMs);
      return { hit, settled: false, presenceChanged };
    }
    const { identity, match } = verdict;
    track.identity = identity;
    this.#presence.forget(cameraId, trackId);
    const presenceChanged = this.#presence.see(cameraId, identity.id, identity, nowMs);
    const hit = this.#reportRecognised(track, observation, identity, match, nowMs, startMs);
    return { hit, settled: true, presenceChanged };
  }

  endTrack({ trackId }: TrackEnded): void {
    this.#tracks.delete(trackId);
  }

  /** The vision process of this boot is gone; its tracks are over. */
  endBoot(boot: string): void {
    for (const trackId of this.#tracks.keys()) {
      if (trackId.startsWith(`${boot}-`)) this.#tracks.delete(trackId);
    }
  }

  presenceAt(cameraId: string): PresenceNow {
    return this.#presence.at(cameraId);
  }

  /** Call now and then. @returns Cameras that somebody left. */
  expirePresence(): string[] {
    return this.#presence.expire(this.#options.clock.monoMs());
  }

  /** Deletes what retention does not keep, in small steps. @returns Rows deleted. */
  sweep(): number {
    const { config, clock } = this.#options;
    const nowMs = clock.nowMs();
    return (
      this.#hits.sweep(config.retention, nowMs) + this.#strangers.sweep(config.retention, nowMs)
    );
  }

  recentHits(limit: number): Hit[] {
    return this.#hits.recent(limit);
  }

  #timeOf(observation: Observation): number {
    const { fast, clock } = this.#options;
    return fast ? observation.capturedAtMs : clock.monoMs();
  }

  #trackOf(trackId: string): TrackState {
    let track = this.#tracks.get(trackId);
    if (track === undefined) {
      track = { evidence: new TrackEvidence(), identity: null, reported: new Set() };
      this.#tracks.set(trackId, track);
    }
    return track;
  }

  #reportRecognised(
    track: TrackState,
    observation: Observation,
    identity: Identity,
    match: Match,
    nowMs: number,
    startMs: number,
  ): Hit | undefined {
    const key = `${observation.cameraId}\n${identity.id}`;
    if (track.reported.has(identity.id)) {
      // Still there: the next hit comes a cooldown after the last sight, not after the first.
      this.#cooldown.extend(key, nowMs);
      return undefined;
    }
    if (this.#cooldown.isRunning(key, nowMs)) {
      track.reported.add(identity.id);
      this.#cooldown.extend(key, nowMs);
      return undefined;
    }
    const hit = this.#makeHit(track, observation, match, startMs, { type: 'recognised', identity });
    this.#hits.write(hit);
    // Only what is written was reported: after a full disk, the next shot tries again.
    track.reported.add(identity.id);
    this.#cooldown.begin(key, nowMs);
    return hit;
  }

  #reportUnknown(
    track: TrackState,
    observation: Observation,
    match: Match,
    nowMs: number,
    startMs: number,
  ): Hit | undefined {
    if (!this.#options.config.hits.unknowns || track.reported.has('unknown')) return undefined;
    const template = track.evidence.template as Float32Array;
    const { crop, capturedAtMs, cameraId } = track.evidence.best ?? observation;
    const stranger = this.#strangers.place(template, crop, capturedAtMs);
    const key = `${cameraId}\n${stranger.id}`;
    if (this.#unknownCooldown.isRunning(key, nowMs)) {
      track.reported.add('unknown');
      return undefined;
    }
    const hit = this.#makeHit(track, observation, match, startMs, { type: 'unknown', stranger });
    this.#hits.write(hit);
    track.reported.add('unknown');
    this.#unknownCooldown.begin(key, nowMs);
    return hit;
  }

  #makeHit(
    track: TrackState,
    observation: Observation,
    match: Match,
    startMs: number,
    who: { type: 'recognised'; identity: Identity } | { type: 'unknown'; stranger: Stranger },
  ): Hit {
    const { clock, fast } = this.#options;
    const { captureMs, detectMs, embedMs } = observation.timings;
    const matchMs = performance.now() - startMs;
    const totalMs = fast
      ? captureMs + detectMs + embedMs + matchMs
      : clock.nowMs() - observation.capturedAtMs;
    return {
      schema: 1,
      id: this.#nextId(clock.nowMs()),
      ...who,
      time: new Date(observation.capturedAtMs).toISOString(),
      camera: observation.cameraId,
      track: observation.trackId,
      similarity: rounded(match.similarity, 4),
      threshold: rounded(match.threshold, 4),
      margin: rounded(match.similarity - match.runnerUp, 4),
      shots: track.evidence.count,
      quality: rounded(track.evidence.best?.quality.value ?? 0, 3),
      ...(observation.liveness === undefined ? {} : { liveness: rounded(observation.liveness, 3) }),
      box: {
        x: Math.round(observation.box.x),
        y: Math.round(observation.box.y),
        width: Math.round(observation.box.width),
        height: Math.round(observation.box.height),
      },
      frame: observation.frame,
      model: observation.build,
      latencyMs: {
        capture: rounded(captureMs, 1),
        detect: rounded(detectMs, 1),
        embed: rounded(embedMs, 1),
        match: rounded(matchMs, 1),
        total: rounded(totalMs, 1),
      },
    };
  }
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
