import type { Observation } from '../domain/records.js';
import { OBSERVATION_CREDIT, type VisionMessage } from './messages.js';

/**
 * The vision process's end of the wire. Node buffers messages without bound, so observations need
 * credit from the daemon; without credit the newest one of each track waits, older ones give way.
 */
export class Channel {
  readonly #post: (message: VisionMessage) => void;
  readonly #waiting = new Map<string, Observation>();
  #credit = OBSERVATION_CREDIT;

  constructor(post: (message: VisionMessage) => void) {
    this.#post = post;
  }

  send(message: Exclude<VisionMessage, { type: 'observation' | 'trackEnded' }>): void {
    this.#post(message);
  }

  observe(observation: Observation): void {
    if (this.#credit === 0) {
      this.#waiting.set(observation.trackId, observation);
      return;
    }
    this.#credit--;
    this.#post({ type: 'observation', observation });
  }

  /** What waited of the track is sent before its end. */
  endTrack(message: Extract<VisionMessage, { type: 'trackEnded' }>): void {
    const last = this.#waiting.get(message.track.trackId);
    if (last !== undefined) {
      this.#waiting.delete(last.trackId);
      this.#post({ type: 'observation', observation: last });
    }
    this.#post(message);
  }

  grant(observations: number): void {
    this.#credit += observations;
    for (const [trackId, observation] of this.#waiting) {
      if (this.#credit === 0) return;
      this.#waiting.delete(trackId);
      this.#credit--;
      this.#post({ type: 'observation', observation });
    }
  }
}
