import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IClientOptions } from 'mqtt';
import { pino } from 'pino';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import type { RequestHandlers } from '../../src/control/answer.js';
import { type Command, requestSchemas, responseSchema } from '../../src/control/request-schemas.js';
import { MqttServices } from '../../src/daemon/mqtt-services.js';
import { HitStore } from '../../src/hits/hit-store.js';
import { Outbox } from '../../src/hits/outbox.js';
import { OutboxPump } from '../../src/hits/outbox-pump.js';
import { discoveryTopic } from '../../src/mqtt/home-assistant.js';
import { cameraStatePayload, hitSchema, presenceSchema } from '../../src/mqtt/payloads.js';
import { remainsOnBroker } from '../../src/mqtt/remains.js';
import { topicsUnder } from '../../src/mqtt/topics.js';
import { memoryDatabase } from '../daemon/state-folder.js';
import { hitOf } from '../hits/records.js';
import { connected, Listener, makeConnection } from './connections.js';
import { deviceDiscoverySchema } from './discovery-rules.js';
import { Mosquitto, makeCertificates, waitFor, withoutMosquitto } from './mosquitto.js';

const topics = topicsUnder('faceeval');
const CONFIG = discoveryTopic('homeassistant', 'faceeval');
const alice = { id: '01JDGZ5N5R8Q0V0T6P6X7Y8Z9A', name: 'Alice' };
const zoe = { id: '01JDGZ5N5R8Q0V0T6P6X7Y8Z9B', name: 'Zoë Müller' };

/** The access list that docs/mqtt.md gives to Mosquitto. */
function documentedAccessList(): string[] {
  const page = readFileSync(join(import.meta.dirname, '../../docs/mqtt.md'), 'utf8');
  const block = /```\n(user faceeval\n[\s\S]*?)```/.exec(page)?.[1];
  if (block === undefined) throw new Error('docs/mqtt.md has no access list any more');
  return block.trim().split('\n');
}

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

describe.skipIf(withoutMosquitto !== null)('the contract on a guarded Mosquitto', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceeval-contract-'));
  const tls = makeCertificates(folder);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A broker with TLS, client certificates, passwords and an access list. */
  async function guarded() {
    const broker = await Mosquitto.start({
      tls,
      requireClientCertificate: true,
      users: { faceeval: 'secret', home: 'other' },
      acl: [...documentedAccessList(), 'user home', 'topic readwrite #'],
    });
    undo.push(() => broker.remove());
    const url = `mqtts://localhost:${broker.port}`;
    const home: IClientOptions = {
      ...{ username: 'home', password: 'other', ca: readFileSync(tls.ca) },
      ...{ cert: readFileSync(tls.clientCert), key: readFileSync(tls.clientKey) },
    };
    const listen = async (filter: string, more: IClientOptions = {}) => {
      const listener = await Listener.open(url, filter, { ...home, ...more });
      undo.push(() => listener.close());
      return listener;
    };
    return { url, listen };
  }

  /** The daemon's side of MQTT. */
  async function daemonSide(url: string, protocol: 4 | 5) {
    const test = makeConnection(url, {
      ...{ protocol, username: 'faceeval', password: 'secret' },
      ...{ caFile: tls.ca, certFile: tls.clientCert, keyFile: tls.clientKey },
    });
    undo.push(() => test.connection.stop());
    const { connection, lines } = test;
    const config = configSchema.parse({
      cameras: [{ id: 'door', source: 'door.mp4' }],
      mqtt: { snapshots: 'face' },
    });
    const asked: unknown[] = [];
    const commands = Object.keys(requestSchemas) as Command[];
    const handle = async (request: object) => asked.push(request);
    const handlers = Object.fromEntries(
      commands.map((command) => [command, handle]),
    ) as unknown as RequestHandlers;
    const db = memoryDatabase();
    const services = new MqttServices({
      ...{ db, config, connection, topics, handlers, version: '1.0.0', device: 'board' },
      log: pino({ level: 'silent' }),
    });
    services.takePeople([alice, zoe]);
    connection.retain(
      topics.cameraState('door'),
      cameraStatePayload({ cameraId: 'door', state: 'online', sinceMs: 0 }),
    );
    const outbox = new Outbox(db);
    const hits = new HitStore(db, outbox);
    const pump = new OutboxPump(outbox, connection, { baseTopic: 'faceeval', maxHitAgeMs: 60_000 });
    undo.push(() => pump.stop());
    connection.start();
    await connected(test);
    return { connection, services, hits, pump, outbox, asked, lines };
  }

  it.each([4, 5] as const)('is kept in MQTT version %i', { timeout: 60_000 }, async (protocol) => {
    const { url, listen } = await guarded();
    const all = await listen('#', { protocolVersion: protocol });
    const daemon = await daemonSide(url, protocol);
    const { connection, services, hits, pump } = daemon;
    const last = (topic: string) => JSON.parse(all.of(topic).at(-1) ?? 'null') as unknown;

    const hit = hitOf(hits.nextId(Date.now()), { identity: alice });
    hits.write(hit);
    const { identity: _, ...nobody } = hitOf(hits.nextId(Date.now()), { type: 'unknown' });
    hits.write({ ...nobody, stranger: { id: 's1', label: 'unknown #1' } });
    pump.kick();
    services.takeSnapshot(hit, new Uint8Array([0xff, 0xd8, 0xff]));
    services.takePresence('door', { people: [alice], unknown: 1 });
    connection.retain(topics.health, '{}', 0);
    await all.client.publishAsync(topics.request('status'), '{"transaction":"t1"}', { qos: 1 });
    await waitFor(() => all.of(topics.response('status')).length > 0, 5_000, 'the response');
    await waitFor(() => all.of(topics.unknowns).length > 0, 5_000, 'the unknown face');
    await waitFor(() => daemon.outbox.size === 0, 5_000, 'the acknowledgements');
    await waitFor(() => all.of(CONFIG).length > 0, 5_000, 'the discovery');

    expect(hitSchema.parse(last(topics.hits))).toEqual(hit);
    expect(hitSchema.parse(last(topics.unknowns)).type).toBe('unknown');
    expect(presenceSchema.parse(last(topics.cameraPresence('door'))).state).toBe(
      'Alice, 1 unknown',
    );
    expect(responseSchema.parse(last(topics.response('status')))).toMatchObject({
      ...{ status: 'ok', transaction: 't1' },
    });
    expect(deviceDiscoverySchema.safeParse(last(CONFIG)).success).toBe(true);
    expect(all.of(topics.snapshot(hit.id))).toHaveLength(1);

    // Whoever comes later is told what is, and nothing of what was.
    const later = await listen('#', { protocolVersion: protocol });
    await waitFor(() => later.of(topics.state).length > 0, 5_000, 'what is retained');
    await waitFor(() => later.of(CONFIG).length > 0, 5_000, 'the discovery');
    expect(later.messages.map(({ topic }) => topic).toSorted()).toEqual(
      [
        ...[CONFIG, topics.state, topics.health, topics.cameraState('door')],
        topics.cameraPresence('door'),
        ...['alice', 'zoe_muller'].map((slug) => topics.personPresence(slug)),
      ].toSorted(),
    );
    expect(later.messages.every(({ retained }) => retained)).toBe(true);

    // Home Assistant starts, and is told everything again.
    const before = all.of(CONFIG).length;
    await all.client.publishAsync('homeassistant/status', 'online', { qos: 1 });
    await waitFor(() => all.of(CONFIG).length > before, 6_000, 'the discovery again');
    expect(all.of(CONFIG).at(-1)).toBe(all.of(CONFIG)[before - 1]);

    await connection.stop();
    await waitFor(() => all.of(topics.state).length === 2, 5_000, 'the goodbye');
    expect(all.of(topics.state)).toEqual(['{"state":"online"}', '{"state":"offline"}']);
    expect(daemon.lines.filter(({ level }) => level >= 40)).toEqual([]);
    expect(daemon.asked).toEqual([{}]);
  });

  it('shows on the broker that nothing of somebody is left', { timeout: 60_000 }, async () => {
    const { url, listen } = await guarded();
    const { connection, services, lines } = await daemonSide(url, 5);
    const discovery = await listen(CONFIG);
    services.takePresence('door', { people: [zoe], unknown: 0 });
    await waitFor(() => discovery.messages.length > 0, 5_000, 'the discovery');
    const remains = (timeoutMs: number) =>
      remainsOnBroker(zoe, { connection, topics, discovery: CONFIG, timeoutMs });
    const there = await remains(0);
    expect(there.asked).toBe(true);
    expect(there.topics.toSorted()).toEqual(
      [CONFIG, topics.cameraPresence('door'), topics.personPresence('zoe_muller')].toSorted(),
    );
    services.takePeople([alice]);
    expect(await remains(15_000)).toEqual({ asked: true, topics: [] });
    expect(lines.filter(({ level }) => level >= 40)).toEqual([]);
    await connection.stop();
    expect(await remains(0)).toMatchObject({ asked: false, topics: [] });
  });
});
