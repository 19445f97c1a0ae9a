import type { Database } from 'better-sqlite3';
import type { Config } from '../config/schema.js';
import type { Clock } from '../domain/clock.js';
import type { Hit, Identity, Match, Observation, TrackEnded } from '../domain/records.js';
import { Gallery } from '../gallery/gallery.js';
import { type Placement, Strangers } from '../gallery/strangers.js';
import { Cooldown } from './cooldown.js';
import { makeHit, type Whom } from './hit-record.js';
import { HitStore } from './hit-store.js';
import type { Outbox } from './outbox.js';
import { Presence, type PresenceNow } from './presence.js';
import { TrackEvidence } from './track-evidence.js';
import { judge, matchOf } from './verdict.js';

export interface RecognitionOptions {
  readonly db: Database;
  /** The one that is pumped: what it acknowledged leaves with the next hit. */
  readonly outbox: Outbox;
  readonly config: Config;
  /** Recogniser family whose templates are compared. */
  readonly family: string;
  /** Cosine that the asked false-accept rate needs, where the gallery is not calibrated. */
  readonly threshold: number;
  readonly clock: Clock;
  /** In a file that is played fast, time passes as its pictures say. */
  readonly fast: boolean;
  /** Told of what failed and is tried again later. */
  readonly onProblem?: (error: unknown) => void;
}

/** What an observation led to. */
export interface Outcome {
  /** Written for good, with its outbox row. */
  readonly hit: Hit | undefined;
  /** The track is named, or nobody cares: the vision process may save its work. */
  readonly settled: boolean;
  /** Who is present changed. */
  readonly presenceChanged: boolean;
}

interface TrackState {
  readonly cameraId: string;
  readonly evidence: TrackEvidence;
  identity: Identity | null;
  placement: Placement | null;
  /** Keys of those that this track was reported as, or need not be reported as. */
  readonly reported: Set<string>;
  lastMs: number;
}

/** Candidates that a verdict looks at. */
const CANDIDATES = 4;
/** A track whose end was never told is over after so long. */
const TRACK_LIFE_MS = 600_000;
const NOTHING: Outcome = { hit: undefined, settled: false, presenceChanged: false };

/** From observation to hit: evidence, match, verdict, cooldown, record. */
export class Recognition {
  #options: RecognitionOptions;
  readonly #hits: HitStore;
  readonly #gallery: Gallery;
  readonly #strangers: Strangers;
  readonly #tracks = new Map<string, TrackState>();
  readonly #cooldown: Cooldown;
  readonly #unknownCooldown: Cooldown;
  readonly #presence: Presence;
  /** Time of the newest picture by camera, while pictures make the time: each source has its own. */
  readonly #mediaMs = new Map<string, number>();

  constructor(options: RecognitionOptions) {
    const { db, outbox, config, family, threshold, onProblem } = options;
    this.#options = options;
    this.#hits = new HitStore(db, outbox);
    this.#gallery = new Gallery({
      ...{ db, config, family, threshold },
      ...(onProblem !== undefined && { onProblem }),
    });
    this.#strangers = new Strangers(db, family, () => this.#gallery.thresholdOf(null));
    this.#cooldown = new Cooldown(config.hits.cooldownMs);
    this.#unknownCooldown = new Cooldown(config.hits.unknownCooldownMs);
    this.#presence = new Presence(config.hits.presenceWindowMs);
    if (!options.fast) this.#resumeCooldowns();
  }

  /** Who is compared. */
  get gallery(): Gallery {
    return this.#gallery;
  }

  get gallerySize(): number {
    return this.#gallery.size;
  }

  /** Faces that are left out because they cannot be decrypted. */
  get unreadable(): number {
    return this.#gallery.unreadable + this.#strangers.unreadable;
  }

  /** Recogniser family whose templates are compared. */
  get family(): string {
    return this.#options.family;
  }

  /** Takes over other settings; tracks under way go on and are judged by them. */
  reconfigure(config: Config, threshold: number): void {
    this.#options = { ...this.#options, config, threshold };
    this.#cooldown.windowMs = config.hits.cooldownMs;
    this.#unknownCooldown.windowMs = config.hits.unknownCooldownMs;
    this.#presence.windowMs = config.hits.presenceWindowMs;
    this.#gallery.reconfigure(config, threshold);
  }

  /**
   * Takes over what changed in the database; tracks under way are judged by it.
   *
   * @returns Cameras where presence changed: somebody is gone from the gallery or has a new name.
   */
  reloadGallery(): string[] {
    this.#gallery.reload();
    this.#strangers.reload();
    const find = (id: string) => this.#gallery.find(id);
    for (const track of this.#tracks.values()) {
      if (track.identity !== null) track.identity = find(track.identity.id) ?? null;
    }
    return this.#presence.follow(find);
  }

  /** @throws FaceEvalError STORE when the hit cannot be written; the next shot tries again. */
  observe(observation: Observation): Outcome {
    const startMs = performance.now();
    if (!this.#mayBeJudged(observation)) return NOTHING;
    const nowMs = this.#takeTime(observation);
    const track = this.#trackOf(observation, nowMs);
    if (track.evidence.add(observation)) this.#startOver(track);
    const candidates = this.#gallery.search(track.evidence.template, CANDIDATES);
    const { count: shots } = track.evidence;
    const thresholdOf = (id: string | null) => this.#gallery.thresholdOf(id);
    const { hits: rules } = this.#options.config;
    const verdict = judge({ candidates, shots, before: track.identity }, thresholdOf, rules);
    if (verdict.kind === 'undecided') return NOTHING;
    const anchor =
      verdict.kind === 'recognised' ? this.#gallery.anchorOf(verdict.identity) : undefined;
    if (anchor === 'ignored') return { ...NOTHING, settled: true };
    if (verdict.kind === 'recognised' && anchor === undefined) {
      return this.#recognised(track, observation, verdict.identity, verdict.match, nowMs, startMs);
    }
    const people = candidates.filter(({ identity }) => !this.#gallery.anchorOf(identity));
    const match = matchOf(people[0], people, thresholdOf);
    return this.#unknown(track, observation, match, nowMs, startMs);
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

  /** Call every second or so. @returns Cameras that somebody left. */
  expirePresence(): string[] {
    const { fast, clock } = this.#options;
    const monoMs = clock.monoMs();
    const nowMs = (camera: string) => (fast ? (this.#mediaMs.get(camera) ?? 0) : monoMs);
    this.#gallery.compareNew();
    for (const [trackId, { cameraId, lastMs }] of this.#tracks) {
      if (nowMs(cameraId) - lastMs > TRACK_LIFE_MS) this.#tracks.delete(trackId);
    }
    return this.#presence.expire(nowMs);
  }

  /** Newest first. */
  recentHits(limit: number): Hit[] {
    return this.#hits.recent(limit);
  }

  #recognised(
    track: TrackState,
    observation: Observation,
    identity: Identity,
    match: Match,
    nowMs: number,
    startMs: number,
  ): Outcome {
    const { cameraId } = observation;
    let hit: Hit | undefined;
    if (!track.reported.has(identity.id) && !this.#cooldown.holds(cameraId, identity.id, nowMs)) {
      hit = this.#makeHit(track, observation, match, { type: 'recognised', identity }, startMs);
      const { template } = track.evidence;
      this.#hits.write(hit, { family: this.#options.family, template });
    }
    track.identity = identity;
    track.reported.add(identity.id);
    // While somebody is there, the cooldown begins anew: the next hit comes a cooldown after the
    // last sight, not after the first.
    this.#cooldown.start(cameraId, identity.id, nowMs);
    const left = this.#leaveAsUnknown(track, cameraId);
    const came = this.#presence.see(cameraId, identity.id, identity, nowMs);
    return { hit, settled: true, presenceChanged: left || came };
  }

  #unknown(
    track: TrackState,
    observation: Observation,
    match: Match,
    nowMs: number,
    startMs: number,
  ): Outcome {
    // A name that was given is not taken back for worse shots of the same face.
    if (track.identity !== null) return NOTHING;
    const placement = track.placement ?? this.#place(track, observation);
    if (placement.anchor === 'ignored') return { ...NOTHING, settled: true };
    const { cameraId } = observation;
    const { stranger } = placement;
    let hit: Hit | undefined;
    const wanted = this.#options.config.hits.unknowns && track.placement === null;
    if (wanted && !this.#unknownCooldown.holds(cameraId, stranger.id, nowMs)) {
      hit = this.#makeHit(track, observation, match, { type: 'unknown', stranger }, startMs);
      this.#hits.write(hit, undefined, () => this.#strangers.save(placement));
      this.#strangers.keep(placement);
    }
    track.placement = placement;
    this.#unknownCooldown.start(cameraId, stranger.id, nowMs);
    const presenceChanged = this.#presence.see(cameraId, stranger.id, null, nowMs);
    return { hit, settled: false, presenceChanged };
  }

  #place({ evidence }: TrackState, observation: Observation): Placement {
    const best = evidence.best ?? observation;
    return this.#strangers.place({
      template: evidence.template,
      quality: best.quality.value,
      build: best.build,
      crop: best.crop,
      atMs: Math.round(best.capturedAtMs),
    });
  }

  #makeHit(
    { evidence }: TrackState,
    observation: Observation,
    match: Match,
    whom: Whom,
    startMs: number,
  ): Hit {
    const { clock, fast } = this.#options;
    const nowMs = clock.nowMs();
    return makeHit({
      id: this.#hits.nextId(nowMs),
      ...{ whom, observation, match },
      shots: evidence.count,
      quality: (evidence.best ?? observation).quality.value,
      matchMs: performance.now() - startMs,
      sinceCaptureMs: fast ? null : nowMs - observation.capturedAtMs,
    });
  }

  /** A face that is too poor, or not live, says nothing about who it is. */
  #mayBeJudged({ quality, liveness, family }: Observation): boolean {
    const { config } = this.#options;
    const live = !config.liveness.enabled || (liveness ?? 1) >= config.liveness.threshold;
    return live && quality.value >= config.quality.minValue && family === this.#options.family;
  }

  /** Somebody else has taken over the track; who was there before leaves in their own time. */
  #startOver(track: TrackState): void {
    track.identity = null;
    track.placement = null;
    track.reported.clear();
  }

  #leaveAsUnknown({ placement }: TrackState, cameraId: string): boolean {
    return placement !== null && this.#presence.forget(cameraId, placement.stranger.id);
  }

  #takeTime({ cameraId, capturedAtMs }: Observation): number {
    const { fast, clock } = this.#options;
    if (!fast) return clock.monoMs();
    this.#mediaMs.set(cameraId, Math.max(this.#mediaMs.get(cameraId) ?? 0, capturedAtMs));
    return capturedAtMs;
  }

  #trackOf({ trackId, cameraId }: Observation, nowMs: number): TrackState {
    const track = this.#tracks.get(trackId) ?? {
      cameraId,
      evidence: new TrackEvidence(),
      identity: null,
      placement: null,
      reported: new Set(),
      lastMs: nowMs,
    };
    track.lastMs = nowMs;
    this.#tracks.set(trackId, track);
    return track;
  }

  /** A restart is no reason to report somebody again who was reported just before. */
  #resumeCooldowns(): void {
    const { config, clock } = this.#options;
    const { cooldownMs, unknownCooldownMs } = config.hits;
    const nowMs = clock.nowMs();
    const sinceMs = nowMs - Math.max(cooldownMs, unknownCooldownMs);
    for (const last of this.#hits.between(sinceMs, nowMs).reverse()) {
      const startedMs = clock.monoMs() - (nowMs - last.capturedAtMs);
      const { camera, identityId, strangerId } = last;
      if (identityId !== null) this.#cooldown.start(camera, identityId, startedMs);
      if (strangerId !== null) this.#unknownCooldown.start(camera, strangerId, startedMs);
    }
  }
}
