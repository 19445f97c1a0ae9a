import { setTimeout as setTimeoutAsync } from 'node:timers/promises';
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import { maskUrl } from '../config/mask.js';
import type { Config } from '../config/schema.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { Publisher } from '../hits/publisher.js';
import { brokerOptions } from './broker-options.js';
import { explainConnection, refusesVersion } from './connection-problem.js';
import { Delivery, type DeliveryOptions } from './delivery.js';
import { type IncomingMessage, incomingMessage } from './incoming-message.js';
import { OFFLINE, ONLINE } from './payloads.js';
import { RetainedMessages } from './retained-messages.js';
import { topicMatches, topicsUnder } from './topics.js';

const PROTOCOLS = /^(mqtts?|tcp|ssl|tls|wss?):\/\//;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** A connection that stood for so long was a good one: the next pause is short again. */
const STEADY_MS = 30_000;
const CONNECT_MS = 10_000;
/** Larger than any request that is answered; a broker of MQTT 5 keeps the rest away. */
const MAX_PACKET_BYTES = 8 * 1024 * 1024;
const GOODBYE_MS = 2_000;
/** An empty message reaches those who listen as well: first they hear that the topic is no more. */
const CLEAR_AFTER_MS = 5_000;
/** The same complaint is said again after this time at the earliest. */
const REPEAT_MS = 600_000;

export interface MqttClientOptions {
  readonly config: Config['mqtt'];
  readonly node: string;
  /** URL to connect to; the built-in broker's when that runs. */
  readonly url: string;
  /** MQTT version to begin with; the configured one when absent. */
  readonly protocol?: 4 | 5;
  readonly log: Logger;
  readonly onConnect: () => void;
}

/** The connection ended without a word. */
const UNEXPLAINED = {
  up: 'the broker ended the connection, or does not answer any more',
  opening: 'no MQTT is spoken there, or no answer came: check mqtt.url; a TLS port needs mqtts://',
} as const;

type Handler = (message: IncomingMessage) => void;

/**
 * The connection to the broker, kept up for ever. A broker that is away is said once a reason,
 * never thrown. Each attempt has a client of its own: what a broken connection had under way is
 * rejected at once, so that the outbox alone decides what is sent again and memory stays flat.
 */
export class MqttConnection implements Publisher {
  readonly #options: MqttClientOptions;
  readonly #retained: RetainedMessages;
  readonly #handlers = new Map<string, Handler>();
  readonly #clearing = new Map<string, NodeJS.Timeout>();
  readonly #saidAtMs = new Map<string, number>();
  #clientOptions: IClientOptions = {};
  #protocol: 4 | 5;
  #client: MqttClient | undefined;
  #delivery: Delivery | undefined;
  #stopped = true;
  #problem = 'connecting';
  #upSinceMs: number | undefined;
  #retryMs = FIRST_RETRY_MS;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(options: MqttClientOptions) {
    this.#options = options;
    this.#protocol = options.protocol ?? options.config.protocol;
    this.#retained = new RetainedMessages({
      send: ({ topic, payload, qos }) => this.publish(topic, payload, { qos, retain: true }),
      connected: () => this.connected,
      // It is kept, and sent on the next connection.
      onError: (topic, reason) => options.log.debug({ topic }, reason),
    });
  }

  get connected(): boolean {
    return this.#upSinceMs !== undefined && this.#client?.connected === true;
  }

  /** Why there is no connection and what to do, or null while there is one. */
  get problem(): string | null {
    return this.connected ? null : this.#problem;
  }

  get stateTopic(): string {
    return topicsUnder(this.#options.config.baseTopic).state;
  }

  /** @throws FaceEvalError CONFIG when the URL, a certificate or a key cannot be used. */
  start(): void {
    const { config, node, url } = this.#options;
    this.#clientOptions = {
      ...brokerOptions(config, config.clientId ?? `faceeval-${node}`),
      connectTimeout: CONNECT_MS,
      // Attempts are made here, with growing pauses.
      reconnectPeriod: 0,
      will: { topic: this.stateTopic, payload: Buffer.from(OFFLINE), qos: 1, retain: true },
    };
    this.#stopped = false;
    try {
      if (!PROTOCOLS.test(url)) throw new Error('not the URL of a broker');
      this.#open();
    } catch (cause) {
      this.#stopped = true;
      throw new FaceEvalError('CONFIG', `mqtt.url ${maskUrl(url)}: ${messageOf(cause)}`, {
        hint: 'write mqtt://host:1883, mqtts://host:8883 or embedded; a certFile needs its keyFile',
        cause,
      });
    }
  }

  /**
   * @throws FaceEvalError MQTT when there is no connection, too much is under way already, or the
   * broker refused the message or did not acknowledge it.
   */
  async publish(
    topic: string,
    payload: string | Uint8Array,
    options: DeliveryOptions,
  ): Promise<void> {
    if (this.#delivery === undefined || !this.connected) {
      throw new FaceEvalError('MQTT', `no connection to the MQTT broker: ${this.#problem}`);
    }
    try {
      await this.#delivery.send(topic, payload, options);
    } catch (error) {
      const { hint } = error as FaceEvalError;
      if (hint !== undefined) this.#say('error', `${messageOf(error)}; ${hint}`);
      throw error;
    }
  }

  /** Publishes a retained message in its turn, or as soon as there is a connection. */
  retain(topic: string, payload: string, qos: 0 | 1 = 1): void {
    clearTimeout(this.#clearing.get(topic));
    this.#clearing.delete(topic);
    this.#retained.take({ topic, payload, qos });
  }

  /** Clears a retained topic in a few seconds, unless it is used again until then. */
  clear(topic: string): void {
    if (this.#clearing.has(topic)) return;
    const timer = setTimeout(() => this.retain(topic, ''), CLEAR_AFTER_MS);
    this.#clearing.set(topic, timer.unref());
  }

  /**
   * Takes messages of a topic filter, from now on and over reconnections.
   *
   * @param handler Called for each message; what it throws is logged and goes no further.
   */
  subscribe(filter: string, handler: Handler): void {
    this.#handlers.set(filter, handler);
    if (this.connected && this.#client !== undefined) this.#subscribe(this.#client, filter);
  }

  /**
   * What the broker retains under some filters now. Handlers of the same filters are told as well.
   *
   * @param quietMs No further message for so long means that there are no more.
   * @throws FaceEvalError MQTT when there is no connection, or the broker does not let us read them.
   */
  async readRetained(filters: readonly string[], quietMs = 500): Promise<IncomingMessage[]> {
    const client = this.#client;
    if (client === undefined || !this.connected) {
      throw new FaceEvalError('MQTT', `no connection to the MQTT broker: ${this.#problem}`);
    }
    const messages = new Map<string, IncomingMessage>();
    let lastMs = performance.now();
    const take = (topic: string, payload: Buffer, packet: IPublishPacket): void => {
      if (!packet.retain || !filters.some((filter) => topicMatches(filter, topic))) return;
      lastMs = performance.now();
      messages.set(topic, incomingMessage(topic, payload, packet));
    };
    client.on('message', take);
    try {
      await client.subscribeAsync([...filters], { qos: 1 });
      lastMs = performance.now();
      while (performance.now() - lastMs < quietMs) await setTimeoutAsync(quietMs / 5);
      const own = filters.filter((filter) => !this.#handlers.has(filter));
      if (own.length > 0) await client.unsubscribeAsync(own);
    } catch (cause) {
      throw new FaceEvalError('MQTT', `retained messages cannot be read: ${messageOf(cause)}`, {
        cause,
      });
    } finally {
      client.off('message', take);
    }
    return [...messages.values()];
  }

  /** Says goodbye: `offline` is retained before the connection is closed. Takes 6 s at most. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    const client = this.#client;
    if (client === undefined) return;
    for (const topic of [...this.#clearing.keys()]) this.retain(topic, '');
    if (this.connected) {
      await within(this.#retained.drain(), GOODBYE_MS).catch((error: unknown) => {
        this.#options.log.debug(`not all topics are up to date: ${messageOf(error)}`);
      });
      const goodbye = this.publish(this.stateTopic, OFFLINE, { qos: 1, retain: true });
      await within(goodbye, GOODBYE_MS).catch((error: unknown) => {
        this.#options.log.debug(`no goodbye to the broker: ${messageOf(error)}`);
      });
      await within(client.endAsync(), GOODBYE_MS).catch(() => client.end(true));
    } else {
      client.end(true);
    }
    this.#client = undefined;
    this.#upSinceMs = undefined;
  }

  #open(): void {
    const { url, log } = this.#options;
    const client = mqtt.connect(url, {
      ...this.#clientOptions,
      protocolVersion: this.#protocol,
      ...(this.#protocol === 5 && { properties: { maximumPacketSize: MAX_PACKET_BYTES } }),
    });
    this.#client = client;
    let failure: Error | undefined;
    client.on('connect', () => this.#connected(client));
    client.on('message', (topic, payload, packet) => this.#receive(topic, payload, packet));
    client.on('error', (error) => {
      failure ??= error;
      log.debug({ err: error }, 'MQTT client');
    });
    client.on('disconnect', ({ reasonCode }) => {
      failure ??= Object.assign(new Error('the broker ended the connection'), { code: reasonCode });
    });
    client.on('close', () => this.#lost(client, failure));
    this.#delivery = new Delivery(client, this.#protocol, () => {
      failure ??= new Error(
        'the broker takes messages but does not acknowledge them: is it blocked?',
      );
      client.end(true);
    });
  }

  #connected(client: MqttClient): void {
    const { url, log, onConnect } = this.#options;
    this.#upSinceMs = performance.now();
    this.#say('info', `connected to the MQTT broker ${maskUrl(url)}`);
    this.#announce(client).catch((error: unknown) => log.debug(messageOf(error)));
    onConnect();
  }

  async #announce(client: MqttClient): Promise<void> {
    for (const filter of this.#handlers.keys()) this.#subscribe(client, filter);
    this.#retained.begin();
    await this.#retained.drain();
    // Last: who waits for it finds nothing from before a start. Nor after a goodbye, which may come
    // before a slow broker has answered.
    if (this.#client === client && !this.#stopped) {
      await this.publish(this.stateTopic, ONLINE, { qos: 1, retain: true });
    }
  }

  #lost(client: MqttClient, failure: Error | undefined): void {
    if (this.#client !== client) return;
    const upMs = this.#upSinceMs === undefined ? 0 : performance.now() - this.#upSinceMs;
    this.#client = undefined;
    this.#upSinceMs = undefined;
    // Rejects what was under way.
    client.end(true);
    if (this.#stopped) return;
    if (failure !== undefined && this.#protocol === 5 && refusesVersion(failure)) {
      this.#protocol = 4;
      this.#say('info', 'the broker does not know MQTT 5: MQTT 3.1.1 is used');
      this.#retryTimer = setTimeout(() => this.#open(), 0);
      return;
    }
    if (upMs >= STEADY_MS) {
      this.#retryMs = FIRST_RETRY_MS;
      this.#saidAtMs.clear();
    }
    this.#problem =
      failure === undefined ? UNEXPLAINED[upMs > 0 ? 'up' : 'opening'] : explainConnection(failure);
    this.#say('warn', `no MQTT at ${maskUrl(this.#options.url)}: ${this.#problem}`);
    // Devices that lost their broker together do not come back in the same instant.
    const pauseMs = this.#retryMs * (0.8 + 0.4 * Math.random());
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    this.#retryTimer = setTimeout(() => this.#open(), pauseMs);
  }

  #subscribe(client: MqttClient, filter: string): void {
    client.subscribeAsync(filter, { qos: 1 }).catch((error: unknown) => {
      this.#say('warn', `cannot subscribe to ${filter}: ${messageOf(error)}`);
    });
  }

  #receive(topic: string, payload: Buffer, packet: IPublishPacket): void {
    for (const [filter, handler] of this.#handlers) {
      if (!topicMatches(filter, topic)) continue;
      try {
        handler(incomingMessage(topic, payload, packet));
      } catch (error) {
        this.#options.log.error({ err: error, topic }, 'a message could not be handled');
      }
    }
  }

  /** Says the same only now and then, however often it happens. */
  #say(level: 'info' | 'warn' | 'error', text: string): void {
    const nowMs = performance.now();
    const repeated = nowMs - (this.#saidAtMs.get(text) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS;
    this.#options.log[repeated ? 'debug' : level](text);
    if (repeated) return;
    if (this.#saidAtMs.size > 100) this.#saidAtMs.clear();
    this.#saidAtMs.set(text, nowMs);
  }
}

/** @throws Error when the work is not done in time; it goes on, and nobody waits. */
async function within(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  const late = Symbol('late');
  const first = await Promise.race([work, setTimeoutAsync(timeoutMs, late, { ref: false })]);
  if (first === late) throw new Error(`not done within ${timeoutMs} ms`);
}
