import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/domain/records.js';
import { type Announcement, discoveryMessage } from '../../src/mqtt/discovery-message.js';
import { clearFormerTopics } from '../../src/mqtt/former-topics.js';
import { HomeAssistant } from '../../src/mqtt/home-assistant.js';
import type { IncomingMessage } from '../../src/mqtt/incoming-message.js';
import { cameraStatePayload, OFFLINE, ONLINE } from '../../src/mqtt/payloads.js';
import { PresencePublisher } from '../../src/mqtt/presence-publisher.js';
import { topicMatches, topicsUnder } from '../../src/mqtt/topics.js';
import { connected, Listener, makeConnection, type TestConnection } from './connections.js';
import { deviceDiscoverySchema } from './discovery-rules.js';
import { HomeAssistantCore, withoutHomeAssistant } from './home-assistant-core.js';
import { Mosquitto, waitFor, withoutMosquitto } from './mosquitto.js';

const topics = topicsUnder('faceeval');
const alice = { id: '01JDGZ5N5R8Q0V0T6P6X7Y8Z9A', name: 'Alice' };
const zoe = { id: '01JDGZ5N5R8Q0V0T6P6X7Y8Z9B', name: 'Zoë Müller' };
const mia = { id: '01JDGZ5N5R8Q0V0T6P6X7Y8Z9C', name: 'Mia' };
const CONFIG = 'homeassistant/device/hall/config';

function announcement(people: readonly Identity[], more: Partial<Announcement> = {}): Announcement {
  return {
    node: 'hall',
    version: '1.2.3',
    device: 'Raspberry Pi 5',
    cameras: [{ id: 'door', name: 'Front door' }, { id: 'yard-2' }],
    people: people.map((person) => ({ ...person, slug: person.name.slice(0, 3).toLowerCase() })),
    snapshots: true,
    ...more,
  };
}

describe('discoveryMessage', () => {
  it('keeps to the rules of Home Assistant', () => {
    const message = discoveryMessage(announcement([alice, zoe]), topics);
    expect(deviceDiscoverySchema.parse(JSON.parse(JSON.stringify(message)))).toEqual(message);
    const ids = Object.values(message.cmps).map((component) => (component as Entity).unique_id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(message.cmps)).toEqual(
      expect.arrayContaining([
        ...['recognised', 'unknown', 'presence', 'occupancy', 'connectivity', 'image'].map(
          (part) => `door_${part}`,
        ),
        `person_${alice.id.toLowerCase()}`,
        'problem',
      ]),
    );
  });

  it('has no picture entity while no pictures are published', () => {
    const { cmps } = discoveryMessage(announcement([], { snapshots: false }), topics);
    expect(Object.values(cmps).filter(({ p }) => p === 'image')).toEqual([]);
  });
});

interface Entity {
  readonly unique_id: string;
}

/** Takes what would be retained, and plays the broker. */
class FakeConnection {
  readonly published: { topic: string; payload: string }[] = [];
  readonly handlers = new Map<string, (message: IncomingMessage) => void>();

  retain(topic: string, payload: string): void {
    this.published.push({ topic, payload });
  }

  clear(topic: string): void {
    this.published.push({ topic, payload: '' });
  }

  subscribe(filter: string, handler: (message: IncomingMessage) => void): void {
    this.handlers.set(filter, handler);
  }

  deliver(topic: string, payload: string, retained: boolean): void {
    this.handlers.get(topic)?.({ topic, payload: Buffer.from(payload), retained });
  }

  take(): { topic: string; payload: string }[] {
    return this.published.splice(0);
  }
}

describe('HomeAssistant', () => {
  function open() {
    const connection = new FakeConnection();
    const log = pino({ level: 'silent' });
    const prefix = 'homeassistant';
    const homeAssistant = new HomeAssistant({ connection, topics, prefix, node: 'hall', log });
    homeAssistant.start();
    return { connection, homeAssistant };
  }
  const personId = `person_${zoe.id.toLowerCase()}`;

  it('says the same only once', () => {
    const { connection, homeAssistant } = open();
    homeAssistant.announce(announcement([alice]));
    homeAssistant.announce(announcement([alice]));
    expect(connection.take().map(({ topic }) => topic)).toEqual([CONFIG]);
  });

  it('takes away who is gone: first the platform alone, then nothing, then the state', () => {
    const { connection, homeAssistant } = open();
    homeAssistant.announce(announcement([alice, zoe]));
    connection.take();
    homeAssistant.announce(announcement([alice]));
    const [farewell, final, state, ...more] = connection.take();
    expect(more).toEqual([]);
    expect(JSON.parse(farewell?.payload ?? '').cmps[personId]).toEqual({ p: 'binary_sensor' });
    expect(deviceDiscoverySchema.safeParse(JSON.parse(farewell?.payload ?? '')).success).toBe(true);
    expect(JSON.parse(final?.payload ?? '').cmps).not.toHaveProperty(personId);
    expect(state).toEqual({ topic: topics.personPresence('zoë'), payload: '' });
  });

  it('takes away what only an earlier run knew', () => {
    const { connection, homeAssistant } = open();
    homeAssistant.announce(announcement([alice]));
    connection.take();
    const earlier = discoveryMessage(
      announcement([alice, zoe], { cameras: [{ id: 'door' }, { id: 'attic' }] }),
      topics,
    );
    connection.deliver(CONFIG, JSON.stringify(earlier), true);
    const published = connection.take();
    const farewell = JSON.parse(published[0]?.payload ?? '').cmps;
    expect(farewell[personId]).toEqual({ p: 'binary_sensor' });
    expect(farewell.attic_recognised).toEqual({ p: 'event' });
    const cleared = published.filter(({ payload }) => payload === '').map(({ topic }) => topic);
    expect(cleared.toSorted()).toEqual([
      'faceeval/cameras/attic/presence',
      'faceeval/cameras/attic/state',
      topics.personPresence('zoë'),
    ]);
    connection.deliver(CONFIG, JSON.stringify(earlier), false);
    expect(connection.take()).toEqual([]);
  });

  it.each(['no JSON', '[]', '{"cmps":{"a":1}}'])('replaces %s', (payload) => {
    const { connection, homeAssistant } = open();
    homeAssistant.announce(announcement([alice]));
    connection.take();
    connection.deliver(CONFIG, payload, true);
    expect(connection.take()).toHaveLength(1);
  });

  it('announces again when Home Assistant starts', async () => {
    const { connection, homeAssistant } = open();
    homeAssistant.announce(announcement([alice]));
    connection.take();
    connection.deliver('homeassistant/status', 'offline', false);
    connection.deliver('homeassistant/status', 'online', true);
    connection.deliver('homeassistant/status', 'online', false);
    await waitFor(() => connection.published.length > 0, 5_000, 'the message');
    expect(connection.take().map(({ topic }) => topic)).toEqual([CONFIG]);
  });
});

describe('PresencePublisher', () => {
  it('says who is where, and only what changed', () => {
    const connection = new FakeConnection();
    const presence = new PresencePublisher({
      ...{ connection, topics, windowMs: 30_000 },
      cameras: ['door', 'yard'],
    });
    presence.takePeople([alice, zoe]);
    expect(connection.take().map(({ topic }) => topic)).toEqual([
      'faceeval/cameras/door/presence',
      'faceeval/cameras/yard/presence',
      'faceeval/people/alice/presence',
      'faceeval/people/zoe_muller/presence',
    ]);
    presence.takeCamera('yard', { people: [zoe], unknown: 1 });
    const [camera, person, ...more] = connection.take();
    expect(more).toEqual([]);
    expect(JSON.parse(camera?.payload ?? '')).toMatchObject({ state: 'Zoë Müller, 1 unknown' });
    expect(JSON.parse(person?.payload ?? '')).toMatchObject({
      state: 'present',
      cameras: ['yard'],
    });
    presence.takePeople([zoe]);
    expect(connection.take()).toEqual([{ topic: 'faceeval/people/alice/presence', payload: '' }]);
  });

  it('names nobody who was forgotten, and the renamed by their new name', () => {
    const connection = new FakeConnection();
    const presence = new PresencePublisher({
      ...{ connection, topics, windowMs: 30_000 },
      cameras: ['door'],
    });
    presence.takePeople([alice, zoe]);
    presence.takeCamera('door', { people: [alice, zoe], unknown: 0 });
    connection.take();
    presence.takePeople([{ ...zoe, name: 'Zoe' }]);
    const door = connection.take().find(({ topic }) => topic === 'faceeval/cameras/door/presence');
    expect(JSON.parse(door?.payload ?? '')).toMatchObject({ state: 'Zoe', names: ['Zoe'] });
  });

  it('clears what an earlier run said of cameras that have other ids now', () => {
    const connection = new FakeConnection();
    new PresencePublisher({ ...{ connection, topics, windowMs: 30_000 }, cameras: ['door'] });
    connection.take();
    for (const what of ['presence', 'state']) {
      const take = connection.handlers.get(`faceeval/cameras/+/${what}`);
      for (const camera of ['door', 'gate']) {
        const topic = `faceeval/cameras/${camera}/${what}`;
        take?.({ topic, payload: Buffer.from('{}'), retained: true });
      }
    }
    expect(connection.take()).toEqual([
      { topic: 'faceeval/cameras/gate/presence', payload: '' },
      { topic: 'faceeval/cameras/gate/state', payload: '' },
    ]);
  });

  it('clears what an earlier run said of somebody who is gone, once it knows the gallery', () => {
    const connection = new FakeConnection();
    const presence = new PresencePublisher({
      ...{ connection, topics, windowMs: 30_000 },
      cameras: [],
    });
    const take = connection.handlers.get('faceeval/people/+/presence');
    for (const slug of ['alice', 'zoe_muller']) {
      const topic = `faceeval/people/${slug}/presence`;
      take?.({ topic, payload: Buffer.from('{}'), retained: true });
    }
    expect(connection.take()).toEqual([]);
    presence.takePeople([alice]);
    const cleared = connection.take().filter(({ payload }) => payload === '');
    expect(cleared.map(({ topic }) => topic)).toEqual(['faceeval/people/zoe_muller/presence']);
  });
});

describe('clearFormerTopics', () => {
  const former = { baseTopic: 'old', discovery: 'homeassistant/device/hall/config' };
  const config = JSON.stringify(discoveryMessage(announcement([alice]), topicsUnder('old')));
  const retained = {
    'old/people/alice/presence': '{"state":"present"}',
    'old/cameras/gate/presence': '{"names":["Alice"]}',
    'old/state': OFFLINE,
    [former.discovery]: config,
  };

  async function cleared(
    broker: Readonly<Record<string, string>>,
    current: Parameters<typeof clearFormerTopics>[2],
  ): Promise<string[]> {
    const topics: string[] = [];
    const connection = {
      readRetained: async (filters: readonly string[]) =>
        Object.entries(broker)
          .filter(([topic]) => filters.some((filter) => topicMatches(filter, topic)))
          .map(([topic, text]) => ({ topic, payload: Buffer.from(text), retained: true })),
      retain: (topic: string, payload: string) => {
        expect(payload).toBe('');
        topics.push(topic);
      },
    };
    await clearFormerTopics(connection, former, current);
    return topics.sort();
  }

  it('clears all that names people when base topic and node have other names', async () => {
    const current = { baseTopic: 'new', discovery: 'homeassistant/device/gate/config' };
    expect(await cleared(retained, current)).toEqual(Object.keys(retained).sort());
  });

  it('clears the device alone when discovery was turned off', async () => {
    expect(await cleared(retained, { ...former, discovery: null })).toEqual([former.discovery]);
  });

  it('leaves what another daemon has taken over', async () => {
    const current = { baseTopic: 'new', discovery: 'homeassistant/device/gate/config' };
    const others = { ...retained, 'old/state': ONLINE, [former.discovery]: '{"cmps":{}}' };
    expect(await cleared(others, current)).toEqual([]);
  });
});

describe.skipIf(withoutHomeAssistant !== null || withoutMosquitto !== null)(
  'Home Assistant itself',
  { timeout: 240_000 },
  () => {
    const undo: (() => unknown)[] = [];
    afterEach(async () => {
      for (const step of undo.splice(0).reverse()) await step();
    });

    async function startDaemonSide(url: string, people: readonly Identity[]) {
      const test: TestConnection = makeConnection(url);
      undo.push(() => test.connection.stop());
      const { connection } = test;
      const log = pino({ level: 'silent' });
      const homeAssistant = new HomeAssistant({
        ...{ connection, topics, log },
        prefix: 'homeassistant',
        node: 'hall',
      });
      const presence = new PresencePublisher({
        ...{ connection, topics, windowMs: 30_000 },
        cameras: ['door', 'yard-2'],
      });
      const takePeople = (identities: readonly Identity[]): void => {
        presence.takePeople(identities);
        homeAssistant.announce(announcement([], { people: presence.people }));
      };
      homeAssistant.start();
      takePeople(people);
      connection.retain(
        topics.cameraState('door'),
        cameraStatePayload({ cameraId: 'door', state: 'online', sinceMs: 0 }),
      );
      connection.start();
      await connected(test);
      return { connection, presence, takePeople };
    }

    it('shows cameras and people, follows them, and forgets who is gone', async () => {
      const broker = await Mosquitto.start();
      undo.push(() => broker.remove());
      const url = `mqtt://127.0.0.1:${broker.port}`;
      const core = await HomeAssistantCore.start(broker.port);
      undo.push(() => core.stop());
      const first = await startDaemonSide(url, [alice, zoe]);
      const { connection } = first;
      const state = async (id: string) => (await core.entities()).get(id)?.state;
      const personId = (person: Identity) => `person_${person.id.toLowerCase()}`;
      const reaches = (id: string, wanted: unknown) =>
        waitFor(async () => (await state(id)) === wanted, 10_000, `${id} to be ${wanted}`);

      await reaches('door_connectivity', 'on');
      await reaches(personId(alice), 'off');
      await reaches('door_presence', 'nobody');
      await reaches('door_occupancy', 'off');
      expect(await state('door_recognised')).toBe('unknown');

      first.presence.takeCamera('door', { people: [alice], unknown: 1 });
      await reaches(personId(alice), 'on');
      await reaches('door_presence', 'Alice, 1 unknown');
      await reaches('door_occupancy', 'on');

      const hit = { type: 'recognised', camera: 'door', identity: alice, similarity: 0.7 };
      const send = (more: object) =>
        connection.publish(topics.hits, JSON.stringify({ ...hit, ...more }), {
          qos: 1,
          retain: false,
        });
      await send({ delayed: true, ageMs: 60_000 });
      await send({ camera: 'yard-2' });
      await waitFor(
        async () => (await state('yard-2_recognised')) !== 'unknown',
        10_000,
        'the event of the yard',
      );
      expect(await state('door_recognised')).toBe('unknown');
      await send({});
      await waitFor(
        async () => (await state('door_recognised')) !== 'unknown',
        10_000,
        'the event of the door',
      );
      expect((await core.entities()).get('door_recognised')?.attributes).toMatchObject({
        event_type: 'recognised',
        person: 'Alice',
        similarity: 0.7,
      });

      const health = {
        ...{ status: 'degraded', problems: ['MQTT: busy'], outbox: 4, temperatureC: null },
        ...{ memory: { daemonRssBytes: 104_857_600, visionRssBytes: 104_857_600 } },
        ...{ latencyMs: { hit: null }, cameras: [{ camera: 'door', fps: 14.5 }] },
      };
      connection.retain(topics.health, JSON.stringify(health), 0);
      await reaches('problem', 'on');
      await reaches('outbox', '4');
      await reaches('memory', '200');
      await reaches('door_fps', '14.5');
      await reaches('temperature', 'unknown');

      expect(await state('door_image')).toBe('unknown');
      const picture = Buffer.from('ffd8ffd9', 'hex');
      await connection.publish(topics.cameraSnapshot('door'), picture, { qos: 0, retain: false });
      await waitFor(
        async () => !Number.isNaN(Date.parse(String(await state('door_image')))),
        10_000,
        'the time of the picture',
      );

      // Somebody is enrolled, whom no camera has seen yet.
      first.takePeople([alice, zoe, mia]);
      await reaches(personId(mia), 'off');
      first.takePeople([alice, mia]);
      await waitFor(
        async () => !(await core.entities()).has(personId(zoe)),
        10_000,
        'Zoë to be forgotten',
      );
      await connection.stop();
      await reaches(personId(alice), 'unavailable');

      await startDaemonSide(url, []);
      await waitFor(
        async () => !(await core.entities()).has(personId(alice)),
        10_000,
        'Alice to be forgotten by the next run',
      );
      expect(core.complaints).toEqual([]);
    });

    it('is told everything again when it starts anew, without what it kept', async () => {
      const broker = await Mosquitto.start();
      undo.push(() => broker.remove());
      const url = `mqtt://127.0.0.1:${broker.port}`;
      await startDaemonSide(url, [alice]);
      const listener = await Listener.open(url, CONFIG);
      undo.push(() => listener.close());
      const core = await HomeAssistantCore.start(broker.port);
      undo.push(() => core.stop());
      // The retained one came first; this one answers the birth message.
      const again = () => listener.messages.filter(({ retained }) => !retained);
      await waitFor(() => again().length > 0, 30_000, 'the announcement');
      const personId = `person_${alice.id.toLowerCase()}`;
      await waitFor(async () => (await core.entities()).has(personId), 10_000, 'Alice');
      expect(deviceDiscoverySchema.safeParse(JSON.parse(again()[0]?.payload ?? '')).success).toBe(
        true,
      );
      expect(core.complaints).toEqual([]);
    });
  },
);
