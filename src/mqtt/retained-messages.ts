/** A retained message as it was last published; an empty payload clears its topic. */
export interface RetainedMessage {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1;
}

/**
 * What the broker should retain. A broker without persistence forgets it, and a topic that was
 * cleared while the broker was away has to be cleared later.
 */
export class RetainedMessages {
  readonly #messages = new Map<string, RetainedMessage>();

  keep(topic: string, payload: string, qos: 0 | 1): void {
    this.#messages.set(topic, { topic, payload, qos });
  }

  /** The broker has cleared the topic: nothing is left to say, unless it was filled again. */
  cleared(topic: string): void {
    if (this.#messages.get(topic)?.payload === '') this.#messages.delete(topic);
  }

  all(): readonly RetainedMessage[] {
    return [...this.#messages.values()];
  }
}
