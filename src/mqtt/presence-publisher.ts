import type { Identity } from '../domain/records.js';
import type { PresenceNow } from '../hits/presence.js';
import type { MqttConnection } from './client.js';
import type { IncomingMessage } from './incoming-message.js';
import { personPresencePayload, presencePayload } from './payloads.js';
import { personSlugs } from './slug.js';
import type { Topics } from './topics.js';

export interface PresencePublisherOptions {
  readonly connection: Pick<MqttConnection, 'retain' | 'clear' | 'subscribe'>;
  readonly topics: Topics;
  readonly cameras: readonly string[];
  /** Somebody not seen for so long is gone. */
  readonly windowMs: number;
}

interface Person {
  readonly identity: Identity;
  readonly slug: string;
  payload: string;
}

/** Says who is where: by camera, and for everybody of the gallery. Only changes are published. */
export class PresencePublisher {
  #options: PresencePublisherOptions;
  readonly #byCamera = new Map<string, PresenceNow>();
  readonly #cameraPayloads = new Map<string, string>();
  /** Topics that the broker has of an earlier run; judged as soon as the gallery is known. */
  readonly #leftovers = new Set<string>();
  #people: readonly Person[] = [];
  #galleryKnown = false;

  constructor(options: PresencePublisherOptions) {
    this.#options = options;
    const { connection, topics } = options;
    connection.subscribe(topics.personPresence('+'), (message) => this.#takeLeftover(message));
    for (const topic of [topics.cameraPresence, topics.cameraState]) {
      connection.subscribe(topic('+'), (message) => this.#takeCameraLeftover(topic, message));
    }
    for (const camera of options.cameras) this.takeCamera(camera, { people: [], unknown: 0 });
  }

  /** Everybody of the gallery, with the slug of their topic. */
  get people(): readonly (Identity & { readonly slug: string })[] {
    return this.#people.map(({ identity, slug }) => ({ ...identity, slug }));
  }

  /** The gallery changed: newcomers are absent, the topics of those who are gone are cleared. */
  takePeople(identities: readonly Identity[]): void {
    const { connection, topics } = this.#options;
    const slugs = personSlugs(identities);
    const before = new Map(this.#people.map((person) => [person.slug, person]));
    this.#people = identities.map((identity) => {
      const slug = slugs.get(identity.id) ?? identity.id;
      const known = before.get(slug);
      return { identity, slug, payload: known?.identity.id === identity.id ? known.payload : '' };
    });
    const kept = new Set(slugs.values());
    for (const slug of before.keys()) {
      if (!kept.has(slug)) connection.clear(topics.personPresence(slug));
    }
    this.#galleryKnown = true;
    this.#publishPeople();
    for (const camera of this.#byCamera.keys()) this.#publishCamera(camera);
    this.#clearLeftovers();
  }

  /** Other cameras, or another window: the topics of cameras that are gone are cleared. */
  reconfigure({ cameras, windowMs }: Pick<PresencePublisherOptions, 'cameras' | 'windowMs'>): void {
    const { connection, topics } = this.#options;
    this.#options = { ...this.#options, cameras, windowMs };
    for (const camera of [...this.#byCamera.keys()]) {
      if (cameras.includes(camera)) continue;
      this.#byCamera.delete(camera);
      this.#cameraPayloads.delete(camera);
      connection.clear(topics.cameraPresence(camera));
    }
    for (const camera of cameras) {
      this.takeCamera(camera, this.#byCamera.get(camera) ?? { people: [], unknown: 0 });
    }
  }

  /** What is said of a camera that is watched no more, as when its people leave, is nobody's. */
  takeCamera(camera: string, present: PresenceNow): void {
    if (!this.#options.cameras.includes(camera)) return;
    this.#byCamera.set(camera, present);
    this.#publishCamera(camera);
    this.#publishPeople();
  }

  /** Somebody may have been forgotten while the daemon was down: their name must not stay. */
  #takeLeftover({ topic, payload, retained }: IncomingMessage): void {
    if (!retained || payload.length === 0) return;
    this.#leftovers.add(topic);
    if (this.#galleryKnown) this.#clearLeftovers();
  }

  /** A camera may have got another id while the daemon was down. */
  #takeCameraLeftover(
    topicOf: (camera: string) => string,
    { topic, payload, retained }: IncomingMessage,
  ): void {
    if (!retained || payload.length === 0) return;
    const { cameras, connection } = this.#options;
    if (!cameras.some((camera) => topicOf(camera) === topic)) connection.clear(topic);
  }

  #clearLeftovers(): void {
    const { connection, topics } = this.#options;
    const used = new Set(this.#people.map(({ slug }) => topics.personPresence(slug)));
    for (const topic of this.#leftovers) {
      if (!used.has(topic)) connection.clear(topic);
    }
    this.#leftovers.clear();
  }

  /** Whoever was forgotten a moment ago is named no more, whoever was renamed by the new name. */
  #publishCamera(camera: string): void {
    const { connection, topics, windowMs } = this.#options;
    const present = this.#byCamera.get(camera) ?? { people: [], unknown: 0 };
    const names = new Map(this.#people.map(({ identity }) => [identity.id, identity]));
    const people = present.people.flatMap(({ id }) => names.get(id) ?? []);
    const payload = presencePayload({ people, unknown: present.unknown }, windowMs);
    if (this.#cameraPayloads.get(camera) === payload) return;
    this.#cameraPayloads.set(camera, payload);
    connection.retain(topics.cameraPresence(camera), payload);
  }

  #publishPeople(): void {
    const { connection, topics } = this.#options;
    for (const person of this.#people) {
      const { identity, slug } = person;
      const cameras = [...this.#byCamera]
        .filter(([, { people }]) => people.some(({ id }) => id === identity.id))
        .map(([camera]) => camera);
      const payload = personPresencePayload(identity, cameras);
      if (payload === person.payload) continue;
      person.payload = payload;
      connection.retain(topics.personPresence(slug), payload);
    }
  }
}
