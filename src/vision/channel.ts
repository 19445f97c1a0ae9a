import type { Observation } from '../domain/records.js';
import { OBSERVATION_CREDIT, type VisionMessage } from './messages.js';

/**
 * The vision process's end of the wire. Node buffers messages without bound, so observations need
 * credit from the daemon; without credit the newest one of each track waits, older ones give way.
 */
export class Channel {
  readonly #post: (message: VisionMessage) => void;
  readonly #waiting = new Map<string, Observation>();
  /** Below zero after the last words of tracks that ended without credit. */
  #credit = OBSERVATION_CREDIT;

  constructor(post: (message: VisionMessage) => void) {
    this.#post = post;
  }

  send(message: Exclude<VisionMessage, { type: 'observation' | 'trackEnded' }>): void {
    this.#post(message);
  }

  observe(observation: Observation): void {
    if (this.#credit > 0) this.#postObservation(observation);
    else this.#waiting.set(observation.trackId, observation);
  }

  /** What waited of the track is sent before its end, on later credit. */
  endTrack(message: Extract<VisionMessage, { type: 'trackEnded' }>): void {
    const last = this.#waiting.get(message.track.trackId);
    if (last !== undefined) this.#postObservation(last);
    this.#post(message);
  }

  grant(observations: number): void {
    this.#credit += observations;
    for (const observation of this.#waiting.values()) {
      if (this.#credit <= 0) return;
      this.#postObservation(observation);
    }
  }

  /** The daemon grants credit for each one that it takes, however it was sent. */
  #postObservation(observation: Observation): void {
    this.#waiting.delete(observation.trackId);
    this.#credit--;
    this.#post({ type: 'observation', observation });
  }
}
