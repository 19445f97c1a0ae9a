import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import type { RequestHandlers } from '../control/answer.js';
import { messageOf } from '../domain/errors.js';
import type { Hit, Identity } from '../domain/records.js';
import { readSetting, writeSetting } from '../gallery/settings.js';
import type { PresenceNow } from '../hits/presence.js';
import type { MqttConnection } from '../mqtt/client.js';
import { clearFormerTopics, type TopicRoots } from '../mqtt/former-topics.js';
import { discoveryTopic, HomeAssistant } from '../mqtt/home-assistant.js';
import { PresencePublisher } from '../mqtt/presence-publisher.js';
import { Requests } from '../mqtt/requests.js';
import type { Topics } from '../mqtt/topics.js';

/** Setting of the database: the topics that were in use last. */
const TOPICS_SETTING = 'mqttTopics';

export interface MqttServicesOptions {
  readonly db: Database;
  readonly config: Config;
  readonly connection: MqttConnection;
  readonly topics: Topics;
  readonly version: string;
  /** Board, as it names itself. */
  readonly device: string;
  readonly handlers: RequestHandlers;
  readonly log: Logger;
}

/** What goes over MQTT besides hits: presence, snapshots, Home Assistant, requests. */
export class MqttServices {
  #options: MqttServicesOptions;
  readonly #presence: PresencePublisher;
  readonly #homeAssistant: HomeAssistant | undefined;

  /** Subscribes: make it before the connection is started. */
  constructor(options: MqttServicesOptions) {
    const { config, connection, topics, handlers, log } = options;
    const { prefix, discovery } = config.homeAssistant;
    this.#options = options;
    this.#presence = new PresencePublisher({
      connection,
      topics,
      cameras: config.cameras.map(({ id }) => id),
      windowMs: config.hits.presenceWindowMs,
    });
    if (discovery) {
      const { node } = config;
      this.#homeAssistant = new HomeAssistant({ connection, topics, prefix, node, log });
      this.#homeAssistant.start();
    }
    if (config.mqtt.requests) {
      new Requests({ connection, topics, discoveryPrefix: prefix, handlers, log }).start();
    }
  }

  /** Call on every connection: what an earlier configuration left on the broker is cleared once. */
  async clearFormerTopics(): Promise<void> {
    const { config, connection, db, log } = this.#options;
    const { discovery, prefix } = config.homeAssistant;
    const current: TopicRoots = {
      baseTopic: config.mqtt.baseTopic,
      discovery: discovery ? discoveryTopic(prefix, config.node) : null,
    };
    const text = JSON.stringify(current);
    try {
      const before = readSetting(db, TOPICS_SETTING);
      if (before === text) return;
      if (before !== undefined) {
        await clearFormerTopics(connection, JSON.parse(before) as TopicRoots, current);
      }
      writeSetting(db, TOPICS_SETTING, text);
    } catch (error) {
      log.debug(`topics of before are cleared on the next connection: ${messageOf(error)}`);
    }
  }

  /** Call with the whole gallery whenever it changed. */
  takePeople(identities: readonly Identity[]): void {
    const { config, version, device } = this.#options;
    this.#presence.takePeople(identities.map(({ id, name }) => ({ id, name })));
    this.#homeAssistant?.announce({
      node: config.node,
      version,
      device,
      cameras: config.cameras,
      people: this.#presence.people,
      snapshots: config.mqtt.snapshots !== 'off',
    });
  }

  /** Takes over what may change while the daemon runs: cameras, and how long presence lasts. */
  reconfigure(config: Config): void {
    this.#options = { ...this.#options, config };
    const cameras = config.cameras.map(({ id }) => id);
    this.#presence.reconfigure({ cameras, windowMs: config.hits.presenceWindowMs });
  }

  takePresence(cameraId: string, present: PresenceNow): void {
    this.#presence.takeCamera(cameraId, present);
  }

  /** Publishes a hit's picture, if pictures are wanted. */
  takeSnapshot(hit: Hit, jpeg: Uint8Array | undefined): void {
    const { config, connection, topics, log } = this.#options;
    if (config.mqtt.snapshots === 'off' || jpeg === undefined) return;
    for (const topic of [topics.snapshot(hit.id), topics.cameraSnapshot(hit.camera)]) {
      connection
        .publish(topic, jpeg, { qos: 0, retain: false })
        .catch((error: unknown) => log.debug(`no snapshot: ${messageOf(error)}`));
    }
  }
}
