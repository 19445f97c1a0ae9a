import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import { messageOf } from '../domain/errors.js';
import type { MqttConnection } from './client.js';
import {
  type Announcement,
  type Component,
  type DiscoveryMessage,
  discoveryMessage,
} from './discovery-message.js';
import type { IncomingMessage } from './incoming-message.js';
import type { Topics } from './topics.js';

/** Devices that all answer Home Assistant's start do so one after the other. */
const BIRTH_DELAY_MS = 3_000;

/** What an earlier message has of a component: enough to remove it and what it left behind. */
const announcedSchema = z.looseObject({
  cmps: z.record(z.string(), z.looseObject({ p: z.string(), state_topic: z.string().optional() })),
});
type Remains = Readonly<
  Record<string, { readonly p: string; readonly state_topic?: string | undefined }>
>;

export interface HomeAssistantOptions {
  readonly connection: Pick<MqttConnection, 'retain' | 'clear' | 'subscribe'>;
  readonly topics: Topics;
  /** First level of Home Assistant's discovery topics. */
  readonly prefix: string;
  readonly node: string;
  readonly log: Logger;
}

/** Topic of the retained message that announces a device. */
export function discoveryTopic(prefix: string, node: string): string {
  return `${prefix}/device/${node}/config`;
}

/**
 * Announces device and entities, and takes away those that are gone. What the broker retained from
 * an earlier run counts as well: a person who was forgotten while the daemon was down goes too.
 */
export class HomeAssistant {
  readonly #options: HomeAssistantOptions;
  readonly #topic: string;
  #message: DiscoveryMessage | undefined;

  constructor(options: HomeAssistantOptions) {
    this.#options = options;
    this.#topic = discoveryTopic(options.prefix, options.node);
  }

  start(): void {
    const { connection, prefix } = this.#options;
    connection.subscribe(this.#topic, (message) => this.#takeOwn(message));
    connection.subscribe(`${prefix}/status`, (message) => this.#takeBirth(message));
  }

  /** Call with everything there is whenever cameras or people change. */
  announce(announcement: Announcement): void {
    const before = this.#message;
    const message = discoveryMessage(announcement, this.#options.topics);
    if (JSON.stringify(message) === JSON.stringify(before)) return;
    this.#message = message;
    this.#publish(before === undefined ? {} : removedFrom(before.cmps as Remains, message));
  }

  /** Our own topic, replayed by the broker: what an earlier run announced. */
  #takeOwn({ payload, retained }: IncomingMessage): void {
    if (!retained || this.#message === undefined || payload.length === 0) return;
    const earlier = announcedSchema.safeParse(parseJson(payload));
    if (!earlier.success) {
      this.#options.log.warn(`${this.#topic} holds something that is not ours; it is replaced`);
      this.#publish({});
      return;
    }
    const removed = removedFrom(earlier.data.cmps, this.#message);
    if (Object.keys(removed).length > 0) this.#publish(removed);
  }

  /** Home Assistant has started: what it was told before, it may not have kept. */
  #takeBirth({ payload, retained }: IncomingMessage): void {
    if (retained || payload.toString() !== 'online') return;
    delay(Math.random() * BIRTH_DELAY_MS, undefined, { ref: false }).then(
      () => this.#publish({}),
      (error: unknown) => this.#options.log.debug(messageOf(error)),
    );
  }

  /**
   * A component goes when a message has nothing but its platform; the next message is without it,
   * as that is the one that stays retained.
   */
  #publish(removed: Remains): void {
    const { connection } = this.#options;
    const message = this.#message;
    if (message === undefined) return;
    const gone = Object.entries(removed);
    if (gone.length > 0) {
      const stubs = Object.fromEntries(gone.map(([id, { p }]) => [id, { p }]));
      const farewell = { ...message, cmps: { ...message.cmps, ...stubs } };
      connection.retain(this.#topic, JSON.stringify(farewell));
    }
    connection.retain(this.#topic, JSON.stringify(message));
    this.#clearTopics(gone.map(([, { state_topic }]) => state_topic));
  }

  /** States of what is gone would stay on the broker, with names in them. */
  #clearTopics(candidates: readonly (string | undefined)[]): void {
    const { connection, topics } = this.#options;
    const used = new Set(
      Object.values(this.#message?.cmps ?? {}).map((one) => (one as Component).state_topic),
    );
    const own = [`${topics.base}/people/`, `${topics.base}/cameras/`];
    for (const topic of new Set(candidates)) {
      if (topic === undefined || used.has(topic)) continue;
      if (own.some((folder) => topic.startsWith(folder))) connection.clear(topic);
    }
  }
}

/** Components of the earlier message that the new one lacks. */
function removedFrom(earlier: Remains, message: DiscoveryMessage): Remains {
  return Object.fromEntries(
    Object.entries(earlier).filter(([id]) => message.cmps[id] === undefined),
  );
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString());
  } catch {
    return undefined;
  }
}
