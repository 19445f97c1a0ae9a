import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../domain/errors.js';
import { isRefusal } from '../hits/publisher.js';

/** A retained message as it was last published; an empty payload clears its topic. */
export interface RetainedMessage {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1;
}

export interface RetainedOptions {
  /** @throws FaceEvalError MQTT as `MqttConnection.publish` does. */
  readonly send: (message: RetainedMessage) => Promise<void>;
  readonly connected: () => boolean;
  readonly onError: (topic: string, reason: string) => void;
}

/** Messages under way at once: brokers cut off clients that have too much. */
const MAX_IN_FLIGHT = 8;
/** Hits may have taken all the room there is. */
const AGAIN_MS = 500;

/**
 * What the broker should retain, sent in order and a few at a time. A broker without persistence
 * forgets it, and a topic that was cleared while the broker was away has to be cleared later.
 */
export class RetainedMessages {
  readonly #options: RetainedOptions;
  readonly #messages = new Map<string, RetainedMessage>();
  #waiting: RetainedMessage[] = [];
  #draining: Promise<void> | undefined;

  constructor(options: RetainedOptions) {
    this.#options = options;
  }

  /** Sends a message now, or on the next connection. */
  take(message: RetainedMessage): void {
    this.#messages.set(message.topic, message);
    if (!this.#options.connected()) return;
    this.#waiting.push(message);
    void this.drain();
  }

  /** A new connection: everything is to be said again. */
  begin(): void {
    this.#waiting = [...this.#messages.values()];
  }

  /** @returns When nothing waits any more, or there is no connection. Never rejects. */
  drain(): Promise<void> {
    this.#draining ??= this.#sendAll();
    return this.#draining;
  }

  async #sendAll(): Promise<void> {
    do {
      await Promise.all(Array.from({ length: MAX_IN_FLIGHT }, () => this.#sendInTurn()));
    } while (this.#waiting.length > 0 && this.#options.connected());
    this.#draining = undefined;
  }

  async #sendInTurn(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { topic, payload } = next;
      try {
        await this.#options.send(next);
        if (payload === '') this.#cleared(topic);
      } catch (error) {
        this.#options.onError(topic, messageOf(error));
        // What is refused is asked for again on the next connection; the others go on.
        if (isRefusal(error)) continue;
        if (!this.#options.connected()) return;
        const newest = this.#messages.get(topic);
        if (newest !== undefined) this.#waiting.push(newest);
        await delay(AGAIN_MS, undefined, { ref: false });
      }
    }
  }

  /** The broker has cleared the topic: nothing is left to say, unless it was filled again. */
  #cleared(topic: string): void {
    if (this.#messages.get(topic)?.payload === '') this.#messages.delete(topic);
  }
}
