import { setTimeout as delay } from 'node:timers/promises';
import mqtt from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import type { Hit } from '../../src/domain/records.js';
import { HitStore } from '../../src/hits/hit-store.js';
import { Outbox } from '../../src/hits/outbox.js';
import { OutboxPump } from '../../src/hits/outbox-pump.js';
import { openState } from '../daemon/state-folder.js';
import { hitOf } from '../hits/records.js';
import { startChildClient } from './child-client.js';
import { connected, Listener, makeConnection } from './connections.js';
import { Mosquitto, waitFor, withoutMosquitto } from './mosquitto.js';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function start(persistence = false) {
  const broker = await Mosquitto.start({ persistence });
  undo.push(() => broker.remove());
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const listen = async (filter: string) => {
    // Back before the sender, whose back-off is longer: what comes earlier it would never hear of.
    const listener = await Listener.open(url, filter, { reconnectPeriod: 10 });
    undo.push(() => listener.close());
    listener.client.on('connect', () => listener.client.subscribe(filter, { qos: 1 }));
    return listener;
  };
  return { broker, url, listen };
}

/** An outbox that is filled ten times a second and sent by the real client. */
async function flow(url: string, protocol: 4 | 5) {
  const db = await openState();
  const outbox = new Outbox(db);
  const hits = new HitStore(db, outbox);
  let kick = (): void => {};
  const test = makeConnection(url, { protocol, keepaliveS: 5 }, () => kick());
  undo.push(() => test.connection.stop());
  const pump = new OutboxPump(outbox, test.connection, { baseTopic: 'faceeval', maxHitAgeMs: 0 });
  kick = () => pump.kick();
  undo.push(() => pump.stop());
  const written: string[] = [];
  const timer = setInterval(() => {
    const id = hits.nextId(Date.now());
    hits.write(hitOf(id));
    written.push(id);
    pump.kick();
  }, 100);
  undo.push(() => clearInterval(timer));
  test.connection.start();
  await connected(test);
  return { ...test, outbox, written, stop: () => clearInterval(timer) };
}

describe.skipIf(withoutMosquitto !== null)('faults of Mosquitto', { timeout: 120_000 }, () => {
  it.each([4, 5] as const)('lose and double nothing in MQTT version %i', async (protocol) => {
    const { broker, url, listen } = await start(true);
    const listener = await listen('faceeval/hits');
    const { connection, outbox, written, stop } = await flow(url, protocol);
    const received = () => listener.of('faceeval/hits').map((text) => JSON.parse(text) as Hit);
    const more = async (what: string) => {
      const before = received().length;
      await waitFor(() => received().length > before + 3, 40_000, `hits ${what}`);
    };
    await more('at first');
    await broker.kill();
    await delay(3_000);
    await broker.restart();
    await more('after the kill');
    broker.block();
    await waitFor(() => !connection.connected, 20_000, 'the loss');
    broker.unblock();
    await more('after the block');
    stop();
    await waitFor(() => outbox.size === 0, 20_000, 'the last acknowledgement');
    await waitFor(() => received().some(({ id }) => id === written.at(-1)), 10_000, 'the last hit');

    const ids = received().map(({ id }) => id);
    const firsts = received().filter(({ id }, at) => ids.indexOf(id) === at);
    expect(firsts.map(({ id }) => id)).toEqual(written);
    const repeats = received().filter(({ id }, at) => ids.indexOf(id) !== at);
    expect(repeats.every(({ delayed }) => delayed === true)).toBe(true);
    expect(firsts.some(({ delayed, ageMs = 0 }) => delayed === true && ageMs > 2_000)).toBe(true);
  });

  it('are noticed by the keep-alive while nothing is to be said', async () => {
    const { broker, url } = await start();
    const test = makeConnection(url, { keepaliveS: 5 });
    undo.push(() => test.connection.stop());
    test.connection.start();
    await connected(test);
    broker.block();
    undo.push(() => broker.unblock());
    const blockedMs = performance.now();
    await waitFor(() => !test.connection.connected, 15_000, 'the loss');
    expect(performance.now() - blockedMs).toBeLessThan(12_000);
    expect(test.connection.problem).toMatch(/does not answer any more|Keepalive|keepalive/);
    broker.unblock();
    await connected(test);
  });
});

describe.skipIf(withoutMosquitto !== null)('state on Mosquitto', { timeout: 60_000 }, () => {
  it('becomes offline by the will when a client hangs, and online by the one that takes over', async () => {
    const { url, listen } = await start();
    const listener = await listen('faceeval/state');
    const child = startChildClient(url);
    undo.push(() => child.kill('SIGKILL'));
    await waitFor(() => listener.messages.length === 1, 20_000, 'online');
    child.kill('SIGSTOP');
    // The next run of the daemon has the same client id: the broker ends the old session.
    const next = makeConnection(url, { clientId: 'faceeval-child' });
    undo.push(() => next.connection.stop());
    next.connection.start();
    await connected(next);
    await waitFor(() => listener.messages.length >= 3, 10_000, 'will and birth');
    child.kill('SIGKILL');
    await delay(1_000);
    expect(listener.of('faceeval/state')).toEqual([
      '{"state":"online"}',
      '{"state":"offline"}',
      '{"state":"online"}',
    ]);
    expect(next.connection.connected).toBe(true);
  });

  it('is offline within one and a half keep-alives when a client hangs', async () => {
    const { url, listen } = await start();
    const listener = await listen('faceeval/state');
    const child = startChildClient(url, { keepaliveS: 5 });
    undo.push(() => child.kill('SIGKILL'));
    await waitFor(() => listener.messages.length === 1, 20_000, 'online');
    child.kill('SIGSTOP');
    const hungMs = performance.now();
    await waitFor(() => listener.messages.length === 2, 15_000, 'the will');
    expect(listener.of('faceeval/state').at(-1)).toBe('{"state":"offline"}');
    expect(performance.now() - hungMs).toBeLessThan(13_000);
  });
});

describe.skipIf(withoutMosquitto !== null)('message expiry in MQTT 5', { timeout: 60_000 }, () => {
  it('keeps the broker from telling a receiver what is too old to act on', async () => {
    const { url } = await start();
    const session = {
      ...{ protocolVersion: 5 as const, clientId: 'door', clean: false, reconnectPeriod: 0 },
      properties: { sessionExpiryInterval: 600 },
    };
    const first = await mqtt.connectAsync(url, session);
    await first.subscribeAsync('faceeval/hits', { qos: 1 });
    await first.endAsync();
    const test = makeConnection(url, { protocol: 5 });
    undo.push(() => test.connection.stop());
    test.connection.start();
    await connected(test);
    const send = (payload: string, messageExpiryS: number) =>
      test.connection.publish('faceeval/hits', payload, { qos: 1, retain: false, messageExpiryS });
    await send('old', 1);
    await send('young', 60);
    await delay(2_500);
    const heard: string[] = [];
    const second = mqtt.connect(url, session);
    undo.push(() => second.endAsync(true));
    second.on('message', (_topic, payload) => heard.push(payload.toString()));
    await waitFor(() => heard.length > 0, 10_000, 'the young one');
    expect(heard).toEqual(['young']);
  });
});
