import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { EmbeddedBroker } from '../../src/mqtt/embedded-broker.js';
import { startChildClient } from './child-client.js';
import { connected, Listener, makeConnection, type TestConnection } from './connections.js';
import { freePort, Mosquitto, makeCertificates, waitFor, withoutMosquitto } from './mosquitto.js';

const knowsIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);
const LOOPBACK = { host: '127.0.0.1', port: 0 };
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

function open(url: string, config: Record<string, unknown> = {}, onConnect?: () => void) {
  const test = makeConnection(url, config, onConnect);
  undo.push(() => test.connection.stop());
  test.connection.start();
  return test;
}

function warnings({ lines }: TestConnection): string[] {
  return lines.filter(({ level }) => level >= 40).map(({ msg }) => msg);
}

describe('MqttConnection on the built-in broker', () => {
  const hosts = ['0.0.0.0', ...(knowsIpv6 ? ['::1', '::'] : [])];
  it.each(hosts)('is reached where it listens, on %s', async (host) => {
    const broker = await EmbeddedBroker.start({ host, port: 0 });
    undo.push(() => broker.stop());
    await connected(open(broker.url));
  });

  it('falls back to MQTT 3.1.1 and says online, then offline', async () => {
    const broker = await EmbeddedBroker.start(LOOPBACK);
    undo.push(() => broker.stop());
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const listener = await Listener.open(url, 'faceeval/#');
    undo.push(() => listener.close());
    const test = open(url, { protocol: 5 });
    await connected(test);
    expect(warnings(test)).toEqual([]);
    await test.connection.stop();
    await waitFor(() => listener.of('faceeval/state').length === 2, 5_000, 'both states');
    expect(listener.of('faceeval/state')).toEqual(['{"state":"online"}', '{"state":"offline"}']);
  });

  it('retains again what a broker without persistence forgot, and clears what was cleared', async () => {
    const first = await EmbeddedBroker.start(LOOPBACK);
    const url = `mqtt://127.0.0.1:${first.port}`;
    const test = open(url);
    await connected(test);
    test.connection.retain('faceeval/cameras/a/state', 'A');
    test.connection.retain('faceeval/people/b/presence', 'B');
    const { port } = first;
    await first.stop();
    await waitFor(() => !test.connection.connected, 5_000, 'the loss');
    test.connection.retain('faceeval/people/b/presence', '');
    test.connection.retain('faceeval/health', 'H', 0);
    const second = await EmbeddedBroker.start({ host: '127.0.0.1', port });
    undo.push(() => second.stop());
    await connected(test);
    const listener = await Listener.open(url, 'faceeval/#');
    undo.push(() => listener.close());
    // The listener may come before the topic is cleared, and then hears that it is.
    const filled = () => listener.messages.filter(({ payload }) => payload !== '');
    await waitFor(() => filled().length >= 3, 5_000, 'three retained messages');
    expect(Object.fromEntries(filled().map((m) => [m.topic, m.payload]))).toEqual({
      'faceeval/state': '{"state":"online"}',
      'faceeval/cameras/a/state': 'A',
      'faceeval/health': 'H',
    });
  });

  it('says online when everything retained is up to date, however much that is', async () => {
    const broker = await EmbeddedBroker.start(LOOPBACK);
    undo.push(() => broker.stop());
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const listener = await Listener.open(url, 'faceeval/#');
    undo.push(() => listener.close());
    const test = open(url);
    const topics = Array.from({ length: 1_000 }, (_, i) => `faceeval/people/p${i}/presence`);
    for (const topic of topics.slice(0, 500)) test.connection.retain(topic, 'absent');
    await waitFor(() => listener.of('faceeval/state').length > 0, 10_000, 'online');
    expect(listener.messages.map(({ topic }) => topic)).toEqual([
      ...topics.slice(0, 500),
      'faceeval/state',
    ]);
    // All of them at once while connected: the broker gets every one in its turn.
    for (const topic of topics) test.connection.retain(topic, 'here');
    const here = () => listener.messages.filter(({ payload }) => payload === 'here');
    await waitFor(() => here().length === 1_000, 10_000, 'all of them');
    expect(here().map(({ topic }) => topic)).toEqual(topics);
  });

  it('clears what is still to be cleared before it says goodbye, but not what is used again', async () => {
    const broker = await EmbeddedBroker.start(LOOPBACK);
    undo.push(() => broker.stop());
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const test = open(url);
    await connected(test);
    for (const name of ['a', 'b']) {
      test.connection.retain(`faceeval/people/${name}/presence`, 'here');
      test.connection.clear(`faceeval/people/${name}/presence`);
    }
    test.connection.retain('faceeval/people/b/presence', 'back');
    await test.connection.stop();
    const listener = await Listener.open(url, 'faceeval/#');
    undo.push(() => listener.close());
    await waitFor(() => listener.messages.length >= 2, 5_000, 'two retained messages');
    expect(listener.messages.map(({ topic, payload }) => `${topic} ${payload}`).toSorted()).toEqual(
      ['faceeval/people/b/presence back', 'faceeval/state {"state":"offline"}'],
    );
  });

  it('ends as offline though the broker is slow and it was about to say online', async () => {
    const broker = await EmbeddedBroker.start(LOOPBACK);
    undo.push(() => broker.stop());
    const listener = await Listener.open(`mqtt://127.0.0.1:${broker.port}`, 'faceeval/#');
    undo.push(() => listener.close());
    const slow = createServer((client) => {
      const server = createConnection(broker.port, '127.0.0.1');
      client.pipe(server);
      // Longer than a goodbye waits.
      server.on('data', (bytes) => setTimeout(() => client.write(bytes), 2_500));
      for (const one of [client, server]) one.on('error', () => {});
      client.on('close', () => server.destroy());
    });
    undo.push(() => slow.close());
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as AddressInfo;
    const test = open(`mqtt://127.0.0.1:${port}`, { protocol: 4 });
    test.connection.retain('faceeval/cameras/a/state', 'A');
    await connected(test);
    await test.connection.stop();
    expect(listener.of('faceeval/cameras/a/state')).toEqual(['A']);
    expect(listener.of('faceeval/state')).toEqual(['{"state":"offline"}']);
  });

  it('reads what is retained, again and again, and goes on as before', async () => {
    const broker = await EmbeddedBroker.start(LOOPBACK);
    undo.push(() => broker.stop());
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const test = open(url);
    await connected(test);
    const { connection } = test;
    const heard: string[] = [];
    connection.subscribe('faceeval/cameras/+/state', ({ topic }) => heard.push(topic));
    connection.retain('faceeval/cameras/a/state', 'A');
    connection.retain('faceeval/people/b/presence', 'B');
    const listener = await Listener.open(url, 'faceeval/#');
    undo.push(() => listener.close());
    await waitFor(() => listener.of('faceeval/people/b/presence').length > 0, 5_000, 'B');
    const filters = ['faceeval/cameras/+/state', 'faceeval/people/+/presence'];
    for (let n = 0; n < 2; n++) {
      const found = await connection.readRetained(filters, 200);
      expect(found.map(({ topic, payload }) => `${topic} ${payload}`).toSorted()).toEqual([
        'faceeval/cameras/a/state A',
        'faceeval/people/b/presence B',
      ]);
    }
    heard.length = 0;
    connection.retain('faceeval/cameras/c/state', 'C');
    await waitFor(() => heard.includes('faceeval/cameras/c/state'), 5_000, 'C');
    await connection.stop();
    await expect(connection.readRetained(filters)).rejects.toMatchObject({ code: 'MQTT' });
  });

  it('asks for its user and password', async () => {
    const broker = await EmbeddedBroker.start(LOOPBACK, { username: 'me', password: 'secret' });
    undo.push(() => broker.stop());
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const wrong = open(url, { username: 'me', password: 'guess', protocol: 4 });
    await waitFor(() => warnings(wrong).length > 0, 5_000, 'the refusal');
    expect(warnings(wrong)[0]).toMatch(/refuses user or password.*mqtt\.passwordFile/);
    await connected(open(url, { username: 'me', password: 'secret', clientId: 'other' }));
  });

  it('names the port when it is taken', async () => {
    const broker = await EmbeddedBroker.start(LOOPBACK);
    undo.push(() => broker.stop());
    await expect(
      EmbeddedBroker.start({ host: '127.0.0.1', port: broker.port }),
    ).rejects.toMatchObject({
      code: 'MQTT',
      message: expect.stringContaining(`port ${broker.port} of 127.0.0.1 is taken`),
      hint: expect.stringContaining('mqtt.embedded.port'),
    });
  });
});

describe('MqttConnection without a broker', () => {
  it('says why once, refuses to publish and ends at once', async () => {
    const port = await freePort();
    const test = open(`mqtt://127.0.0.1:${port}`);
    await waitFor(() => warnings(test).length > 0, 5_000, 'the complaint');
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(warnings(test)).toEqual([
      `no MQTT at mqtt://127.0.0.1:${port}: nothing listens there: is the broker running, and mqtt.url right?`,
    ]);
    expect(test.connection.problem).toContain('is the broker running');
    await expect(
      test.connection.publish('faceeval/hits', '{}', { qos: 1, retain: false }),
    ).rejects.toMatchObject({ code: 'MQTT' });
    const startMs = performance.now();
    await test.connection.stop();
    expect(performance.now() - startMs).toBeLessThan(500);
  });

  it('knows a name that does not resolve', async () => {
    const test = open('mqtt://no-such-broker.invalid:1883');
    await waitFor(() => warnings(test).length > 0, 10_000, 'the complaint');
    expect(warnings(test)[0]).toMatch(/name of the broker (is not known|cannot be looked up)/);
  });

  it('does not wait for ever for something that is no broker', async () => {
    const server: Server = createServer((socket) => socket.end('220 smtp ready\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    undo.push(() => server.close());
    const test = open(`mqtt://127.0.0.1:${(server.address() as { port: number }).port}`);
    await waitFor(() => warnings(test).length > 0, 5_000, 'the complaint');
    expect(test.connection.connected).toBe(false);
  });

  it.each([
    ['ftp://127.0.0.1', {}, /mqtt\.url ftp:.*not the URL of a broker/],
    ['mqtts://127.0.0.1:1', { caFile: '/nowhere/ca.pem' }, /mqtt\.caFile cannot be read/],
  ])('refuses %s at the start', (url, config, message) => {
    const { connection } = makeConnection(url, config);
    expect(() => connection.start()).toThrow(message);
  });
});

describe.skipIf(withoutMosquitto !== null)('MqttConnection on Mosquitto', () => {
  async function mosquitto(options: Parameters<typeof Mosquitto.start>[0] = {}) {
    const broker = await Mosquitto.start(options);
    undo.push(() => broker.remove());
    return broker;
  }

  it.each([4, 5])('speaks MQTT version %i', async (protocol) => {
    const { port } = await mosquitto();
    const test = open(`mqtt://127.0.0.1:${port}`, { protocol });
    await connected(test);
    await test.connection.publish('faceeval/hits', '{}', {
      qos: 1,
      retain: false,
      messageExpiryS: 60,
    });
  });

  it('is refused with a wrong password, and gets in once the broker knows it', async () => {
    const broker = await mosquitto({ users: { faceeval: 'other' } });
    const url = `mqtt://faceeval:secret@127.0.0.1:${broker.port}`;
    const test = open(url);
    await waitFor(() => warnings(test).length > 0, 5_000, 'the refusal');
    expect(warnings(test)[0]).toMatch(/does not let this client in|refuses user or password/);
    expect(warnings(test)[0]).not.toContain('secret');
    broker.setUsers({ faceeval: 'secret' });
    await connected(test);
  });

  it('tells what the access list forbids', async () => {
    const { port } = await mosquitto({
      users: { faceeval: 'secret' },
      acl: ['user faceeval', 'topic readwrite faceeval/state'],
    });
    const test = open(`mqtt://127.0.0.1:${port}`, { username: 'faceeval', password: 'secret' });
    await connected(test);
    await expect(
      test.connection.publish('faceeval/hits', '{}', { qos: 1, retain: false }),
    ).rejects.toMatchObject({
      code: 'MQTT',
      message: 'the broker refuses faceeval/hits: Publish error: Not authorized',
      hint: expect.stringContaining('access list'),
    });
    expect(test.connection.connected).toBe(true);
  });

  it('retains the rest when one message is refused', async () => {
    const { port } = await mosquitto({
      users: { faceeval: 'secret' },
      acl: ['user faceeval', 'topic readwrite faceeval/#'],
    });
    const url = `mqtt://127.0.0.1:${port}`;
    const login = { username: 'faceeval', password: 'secret' };
    const listener = await Listener.open(url, 'faceeval/#', login);
    undo.push(() => listener.close());
    const test = makeConnection(url, login);
    undo.push(() => test.connection.stop());
    test.connection.retain('homeassistant/device/x/config', '{}');
    test.connection.retain('faceeval/cameras/a/state', 'A');
    test.connection.start();
    await waitFor(() => listener.of('faceeval/state').length > 0, 15_000, 'online');
    expect(listener.of('faceeval/cameras/a/state')).toEqual(['A']);
    expect(warnings(test)).toEqual([
      expect.stringMatching(/refuses homeassistant\/device\/x\/config.*write that topic/),
    ]);
  });

  describe('with TLS', () => {
    const folder = mkdtempSync(join(tmpdir(), 'faceeval-tls-'));
    const tls = makeCertificates(folder);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('trusts the authority it is given, and no other', async () => {
      const { port } = await mosquitto({ tls });
      const url = `mqtts://localhost:${port}`;
      await connected(open(url, { caFile: tls.ca }));
      const trusting = open(url, { clientId: 'no-ca' });
      await waitFor(() => warnings(trusting).length > 0, 5_000, 'the complaint');
      expect(warnings(trusting)[0]).toMatch(/certificate of the broker is not trusted.*caFile/);
    });

    it('shows its client certificate', async () => {
      const { port } = await mosquitto({ tls, requireClientCertificate: true });
      const url = `mqtts://localhost:${port}`;
      const without = open(url, { caFile: tls.ca, clientId: 'without' });
      await waitFor(() => warnings(without).length > 0, 5_000, 'the complaint');
      expect(warnings(without)[0]).toMatch(/mqtt\.certFile and mqtt\.keyFile|ended the connection/);
      await connected(
        open(url, { caFile: tls.ca, certFile: tls.clientCert, keyFile: tls.clientKey }),
      );
    });

    it('notices TLS where none is, and none where TLS is', async () => {
      const plain = await mosquitto();
      const secure = await mosquitto({ tls });
      const first = open(`mqtts://localhost:${plain.port}`, { caFile: tls.ca });
      const second = open(`mqtt://localhost:${secure.port}`);
      await waitFor(
        () => warnings(first).length > 0 && warnings(second).length > 0,
        5_000,
        'both complaints',
      );
      expect(warnings(first)[0]).toMatch(/TLS/);
      expect(warnings(second)[0]).toMatch(/mqtts:\/\//);
    });
  });

  it('comes back after the broker was killed, and says so once', async () => {
    const broker = await mosquitto();
    let connections = 0;
    const test = open(`mqtt://127.0.0.1:${broker.port}`, {}, () => connections++);
    await connected(test);
    test.connection.retain('faceeval/cameras/a/state', 'A');
    await broker.kill();
    await waitFor(() => !test.connection.connected, 5_000, 'the loss');
    await broker.restart();
    await connected(test);
    expect(connections).toBe(2);
    const listener = await Listener.open(`mqtt://127.0.0.1:${broker.port}`, 'faceeval/#');
    undo.push(() => listener.close());
    await waitFor(() => listener.of('faceeval/cameras/a/state').length === 1, 5_000, 'the state');
    expect(warnings(test)).toHaveLength(1);
  });

  it('gives up on a broker that is blocked, keeps nothing, and comes back', async () => {
    const broker = await mosquitto();
    const test = open(`mqtt://127.0.0.1:${broker.port}`, { keepaliveS: 5 });
    await connected(test);
    broker.block();
    undo.push(() => broker.unblock());
    const outcomes = await Promise.allSettled(
      Array.from({ length: 300 }, (_, i) =>
        test.connection.publish('faceeval/hits', `${i}`, { qos: 1, retain: false }),
      ),
    );
    // The last 44 are refused at once, the others when the connection is given up.
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(0);
    expect(
      outcomes.filter((o) => /behind/.test(String((o as { reason: Error }).reason))),
    ).toHaveLength(44);
    await waitFor(() => !test.connection.connected, 2_000, 'the loss');
    broker.unblock();
    await connected(test);
    const listener = await Listener.open(`mqtt://127.0.0.1:${broker.port}`, 'faceeval/hits');
    undo.push(() => listener.close());
    await test.connection.publish('faceeval/hits', 'new', { qos: 1, retain: false });
    await waitFor(() => listener.messages.length > 0, 5_000, 'the new message');
    expect(listener.of('faceeval/hits')).toEqual(['new']);
  });

  it('leaves its last will when its process is killed', async () => {
    const { port } = await mosquitto();
    const url = `mqtt://127.0.0.1:${port}`;
    const listener = await Listener.open(url, 'faceeval/state');
    undo.push(() => listener.close());
    const child = startChildClient(url);
    undo.push(() => child.kill('SIGKILL'));
    await waitFor(() => listener.messages.length === 1, 20_000, 'online');
    child.kill('SIGKILL');
    await waitFor(() => listener.messages.length === 2, 10_000, 'the will');
    expect(listener.of('faceeval/state')).toEqual(['{"state":"online"}', '{"state":"offline"}']);
  });
});
