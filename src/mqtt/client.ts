import { readFileSync } from 'node:fs';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { Publisher, PublishOptions } from '../hits/publisher.js';

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
const CONNECT_MS = 10_000;
/** A broker that takes a message but never acknowledges it is as good as gone. */
const ACKNOWLEDGE_MS = 15_000;

export interface MqttClientOptions {
  readonly config: Config['mqtt'];
  readonly node: string;
  /** URL to connect to; the built-in broker's when that runs. */
  readonly url: string;
  readonly log: Logger;
  readonly onConnect: () => void;
  readonly onMessage?: (topic: string, payload: Buffer) => void;
}

/**
 * The connection to the broker. It is kept up for ever; a broker that is away is said once a
 * reason, never thrown. Retained messages are kept and sent again on every connection, since a
 * broker without persistence forgets them.
 */
export class MqttConnection implements Publisher {
  readonly #options: MqttClientOptions;
  readonly #retained = new Map<string, string>();
  readonly #subscriptions = new Set<string>();
  #client: MqttClient | undefined;
  #lastProblem = '';
  #retryMs = FIRST_RETRY_MS;

  constructor(options: MqttClientOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#client?.connected === true;
  }

  /** Last reason why there was no connection, or null while there is one. */
  get problem(): string | null {
    return this.connected ? null : this.#lastProblem || 'connecting';
  }

  /** @throws FaceEvalError CONFIG when a certificate or password file cannot be read. */
  start(): void {
    const { url, log, onConnect, onMessage } = this.#options;
    const client = mqtt.connect(url, this.#clientOptions());
    this.#client = client;
    client.on('connect', () => {
      this.#lastProblem = '';
      this.#retryMs = FIRST_RETRY_MS;
      client.options.reconnectPeriod = FIRST_RETRY_MS;
      log.info({ url: withoutPassword(url) }, 'connected to the MQTT broker');
      this.#announce(client);
      onConnect();
    });
    client.on('message', (topic, payload) => onMessage?.(topic, payload));
    client.on('error', (error) => this.#report(error));
    client.on('close', () => {
      this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
      client.options.reconnectPeriod = this.#retryMs;
    });
  }

  async publish(
    topic: string,
    payload: string | Uint8Array,
    { qos, retain, messageExpiryS }: PublishOptions,
  ): Promise<void> {
    if (retain && typeof payload === 'string') this.#keep(topic, payload);
    const client = this.#client;
    if (client?.connected !== true) throw new Error('there is no connection to the MQTT broker');
    const data = typeof payload === 'string' ? payload : Buffer.from(payload);
    const sent = client.publishAsync(topic, data, {
      qos,
      retain,
      ...(messageExpiryS !== undefined && this.#options.config.protocol === 5
        ? { properties: { messageExpiryInterval: messageExpiryS } }
        : {}),
    });
    await withTimeout(sent, ACKNOWLEDGE_MS);
  }

  /** Publishes a retained message now, or as soon as there is a connection. */
  retain(topic: string, payload: string, qos: 0 | 1 = 1): void {
    this.publish(topic, payload, { qos, retain: true }).catch(() => {
      // It is kept, and sent on the next connection.
    });
  }

  subscribe(topic: string): void {
    this.#subscriptions.add(topic);
    if (this.connected) this.#subscribe(topic);
  }

  /** Says goodbye: `offline` is retained before the connection is closed. */
  async stop(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    if (client.connected) {
      const offline = JSON.stringify({ state: 'offline' });
      await this.publish(this.stateTopic, offline, { qos: 1, retain: true }).catch(
        (error: unknown) => this.#options.log.debug(messageOf(error)),
      );
    }
    await client.endAsync(!client.connected);
  }

  get stateTopic(): string {
    return `${this.#options.config.baseTopic}/state`;
  }

  #announce(client: MqttClient): void {
    for (const topic of this.#subscriptions) this.#subscribe(topic);
    this.retain(this.stateTopic, JSON.stringify({ state: 'online' }));
    for (const [topic, payload] of this.#retained) {
      if (topic !== this.stateTopic) client.publish(topic, payload, { qos: 1, retain: true });
    }
  }

  #subscribe(topic: string): void {
    this.#client?.subscribeAsync(topic, { qos: 1 }).catch((error: unknown) => {
      this.#options.log.warn({ topic }, `cannot subscribe: ${messageOf(error)}`);
    });
  }

  #keep(topic: string, payload: string): void {
    if (payload === '') this.#retained.delete(topic);
    else this.#retained.set(topic, payload);
  }

  #clientOptions(): IClientOptions {
    const { config, node } = this.#options;
    return {
      protocolVersion: config.protocol,
      clientId: config.clientId ?? `faceeval-${node}`,
      clean: true,
      keepalive: config.keepaliveS,
      connectTimeout: CONNECT_MS,
      reconnectPeriod: FIRST_RETRY_MS,
      // Our outbox is the queue: what MQTT.js keeps in memory would be lost with the process.
      queueQoSZero: false,
      resubscribe: false,
      ...(config.username === undefined ? {} : { username: config.username }),
      ...(config.password === undefined ? {} : { password: config.password }),
      ...(config.caFile === undefined ? {} : { ca: readPem(config.caFile) }),
      ...(config.certFile === undefined ? {} : { cert: readPem(config.certFile) }),
      ...(config.keyFile === undefined ? {} : { key: readPem(config.keyFile) }),
      will: {
        topic: `${config.baseTopic}/state`,
        payload: Buffer.from(JSON.stringify({ state: 'offline' })),
        qos: 1,
        retain: true,
      },
    };
  }

  #report(error: Error): void {
    const problem = explain(error);
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    this.#options.log.warn({ url: withoutPassword(this.#options.url) }, `no MQTT: ${problem}`);
  }
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new FaceEvalError('CONFIG', `cannot read ${path}: ${messageOf(cause)}`, {
      hint: 'mqtt.caFile, certFile and keyFile name PEM files that the daemon may read',
      cause,
    });
  }
}

/** What the user can do about it. */
function explain(error: Error): string {
  const { code } = error as { code?: string | number };
  const text = error.message;
  if (code === 'ECONNREFUSED') return 'nothing listens there: is the broker running?';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the name of the broker is not known';
  if (code === 4 || code === 134 || /bad user ?name or password/i.test(text)) {
    return 'the broker refuses user or password: check mqtt.username and mqtt.passwordFile';
  }
  if (code === 5 || code === 135 || /not authorized/i.test(text)) {
    return 'the broker does not let this client in: check its user and access list';
  }
  if (/self.signed|unable to (get|verify)|certificate/i.test(text)) {
    return `the broker's certificate is not trusted (${text}): check mqtt.caFile`;
  }
  return text || String(code ?? 'the connection was closed');
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}

async function withTimeout(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the broker did not acknowledge')), timeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
