import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { RequestHandlers } from '../../src/control/answer.js';
import {
  type Command,
  type Response,
  requestSchemas,
  responseSchema,
} from '../../src/control/request-schemas.js';
import { FaceEvalError } from '../../src/domain/errors.js';
import type { DeliveryOptions } from '../../src/mqtt/delivery.js';
import type { IncomingMessage } from '../../src/mqtt/incoming-message.js';
import { Requests } from '../../src/mqtt/requests.js';
import { TokenBucket } from '../../src/mqtt/token-bucket.js';
import { topicsUnder } from '../../src/mqtt/topics.js';
import { connected, Listener, makeConnection } from './connections.js';
import { Mosquitto, waitFor, withoutMosquitto } from './mosquitto.js';

const topics = topicsUnder('faceeval');
const log = pino({ level: 'silent' });

function handlers(calls: unknown[] = []): RequestHandlers {
  const echo = async (request: object): Promise<unknown> => {
    calls.push(request);
    return { got: request };
  };
  const commands = Object.keys(requestSchemas) as Command[];
  return {
    ...(Object.fromEntries(
      commands.map((command) => [command, echo]),
    ) as unknown as RequestHandlers),
    forget: async ({ person }) => {
      throw new FaceEvalError('USAGE', `nobody is called "${person}"`, { hint: 'it has: Alice' });
    },
  };
}

interface Sent {
  readonly topic: string;
  readonly response: Response;
  readonly options: DeliveryOptions;
}

function errorOf(sent: Sent | undefined): string | undefined {
  return sent?.response.status === 'error' ? sent.response.error : undefined;
}

/** Requests without a broker. */
function open(own: Partial<RequestHandlers> = {}) {
  const calls: unknown[] = [];
  const sent: Sent[] = [];
  let handler: (message: IncomingMessage) => void = () => {};
  const connection = {
    subscribe: (_filter: string, take: (message: IncomingMessage) => void) => {
      handler = take;
    },
    publish: async (topic: string, payload: string | Uint8Array, options: DeliveryOptions) => {
      const response = responseSchema.parse(JSON.parse(payload.toString()));
      sent.push({ topic, response, options });
    },
  };
  new Requests({
    ...{ connection, topics, log, discoveryPrefix: 'homeassistant' },
    handlers: { ...handlers(calls), ...own },
  }).start();
  const ask = async (
    command: string,
    payload: unknown,
    more: Partial<IncomingMessage> = {},
  ): Promise<Sent | undefined> => {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    const message = { topic: topics.request(command), payload: Buffer.from(text), retained: false };
    handler({ ...message, ...more });
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    return sent.at(-1);
  };
  return { ask, calls, sent };
}

describe('Requests', () => {
  it('answers, and echoes the transaction', async () => {
    const { ask, calls } = open();
    const answer = await ask('pause', { camera: 'door', transaction: 'a1' });
    expect(answer).toMatchObject({
      topic: 'faceeval/response/pause',
      response: { status: 'ok', data: { got: { camera: 'door' } }, transaction: 'a1' },
      options: { qos: 1, retain: false },
    });
    expect(calls).toEqual([{ camera: 'door' }]);
  });

  it('takes an empty payload for an empty request', async () => {
    const { ask } = open();
    expect((await ask('status', ''))?.response).toMatchObject({ status: 'ok' });
  });

  it('passes on what a handler says is wrong', async () => {
    const { ask } = open();
    expect((await ask('forget', { person: 'Bob', transaction: 7 }))?.response).toEqual({
      status: 'error',
      error: 'nobody is called "Bob"',
      hint: 'it has: Alice',
      code: 'USAGE',
      transaction: 7,
    });
  });

  it('survives a handler that breaks', async () => {
    const { ask } = open({
      status: async () => {
        throw new TypeError('x is undefined');
      },
    });
    expect((await ask('status', {}))?.response).toMatchObject({
      status: 'error',
      error: 'it failed: x is undefined',
      code: 'INTERNAL',
    });
  });

  it.each([
    ['enrol', { name: 'A' }, 'unknown request "enrol"; did you mean enroll?'],
    ['dance', {}, 'unknown request "dance"; enroll, forget, identify'],
    ['toString', {}, 'unknown request "toString"; '],
    ['status', 'nonsense', 'the request is no JSON: '],
    ['status', '[]', 'the request: '],
    ['status', 'null', 'the request: '],
    ['forget', { persn: 'Bob' }, 'unknown field "persn"; did you mean person?'],
    ['enroll', { name: 'A', image: 'no base64!' }, 'image: Invalid base64'],
    ['enroll', { name: '', image: 'aGFsbG8=' }, 'name: Too small'],
  ])('refuses %s %j', async (command, payload, error) => {
    const { ask, calls } = open();
    const answer = await ask(command, payload);
    expect(answer?.response).toMatchObject({ status: 'error', code: 'USAGE' });
    expect(errorOf(answer)).toContain(error);
    expect(calls).toEqual([]);
  });

  it('gives a refused request its transaction back', async () => {
    const { ask } = open();
    expect((await ask('forget', { transaction: 'x', who: 1 }))?.response).toMatchObject({
      status: 'error',
      transaction: 'x',
    });
  });

  it('gives an unknown request its transaction back', async () => {
    const { ask } = open();
    expect((await ask('dance', { transaction: 3 }))?.response).toMatchObject({ transaction: 3 });
  });

  it('takes the number of a stranger, and times with an offset', async () => {
    const { ask, calls } = open();
    await ask('name-stranger', { stranger: 6, name: 'Ann' });
    await ask('hits', { since: '2026-11-29T10:00:00+01:00' });
    expect(calls).toMatchObject([{ stranger: '6' }, { since: '2026-11-29T10:00:00+01:00' }]);
  });

  it('refuses more bytes than a photo has', async () => {
    const { ask } = open();
    const answer = await ask('identify', { image: 'A'.repeat(7_000_000) });
    expect(errorOf(answer)).toMatch(/6291456 are taken/);
  });

  it('does not act on a retained request', async () => {
    const { ask, calls, sent } = open();
    await ask('reload', {}, { retained: true });
    expect([calls, sent]).toEqual([[], []]);
  });

  it('refuses a flood in a few words, each with its transaction', async () => {
    const { ask, calls, sent } = open();
    for (let i = 0; i < 50; i++) await ask('status', { transaction: i });
    expect(calls).toHaveLength(10);
    const refused = sent.filter(({ response }) => response.status === 'error');
    expect(new Set(refused.map(errorOf))).toEqual(
      new Set(['too many requests: 2 a second are answered']),
    );
    expect(refused.map(({ response }) => response.transaction)).toEqual(
      Array.from({ length: 10 }, (_, i) => 10 + i),
    );
  });

  it('lets a burst wait for its turn, four at a time', async () => {
    const going: (() => void)[] = [];
    const { ask, sent } = open({
      pause: () => new Promise((resolve) => going.push(() => resolve({}))),
    });
    for (let i = 0; i < 10; i++) await ask('pause', { camera: `c${i}`, transaction: i });
    expect([going.length, sent.length]).toEqual([4, 0]);
    for (let i = 0; i < 10; i++) {
      going[i]?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent.map(({ response }) => [response.status, response.transaction])).toEqual(
      Array.from({ length: 10 }, (_, i) => ['ok', i]),
    );
  });

  it('keeps no more waiting photos than it has room for', async () => {
    const { ask, sent } = open({ identify: () => new Promise(() => {}) });
    const image = 'A'.repeat(6_000_000);
    for (let i = 0; i < 9; i++) await ask('identify', { image });
    expect(sent).toHaveLength(1);
    expect(sent[0]?.response).toMatchObject({ error: expect.stringContaining('busy') });
  });

  it.each([
    ['other/answers', 'other/answers'],
    ['faceeval/response/mine', 'faceeval/response/mine'],
    ['faceeval/hits', 'faceeval/response/status'],
    ['homeassistant/device/x/config', 'faceeval/response/status'],
    ['a/+/b', 'faceeval/response/status'],
    ['$SYS/x', 'faceeval/response/status'],
    ['', 'faceeval/response/status'],
  ])('asked to answer to "%s" it answers to %s', async (responseTopic, topic) => {
    const { ask } = open();
    const correlationData = Buffer.from('c1');
    const answer = await ask('status', {}, { responseTopic, correlationData });
    expect(answer?.topic).toBe(topic);
    expect(answer?.options.correlationData).toEqual(correlationData);
  });

  it('gives every request one valid response, whatever it holds', async () => {
    const value = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .record({ transaction: fc.anything(), person: fc.anything() })
        .map((v) => JSON.stringify(v)),
    );
    const command = fc.constantFrom('enroll', 'forget', 'identify', 'pause', 'status', 'x/y', '');
    await fc.assert(
      fc.asyncProperty(command, value, async (name, payload) => {
        const { ask, sent } = open();
        await ask(name, payload ?? '');
        expect(sent).toHaveLength(1);
      }),
      { numRuns: 500 },
    );
  });
});

describe('TokenBucket', () => {
  it('fills again with time, never above its burst', () => {
    let nowMs = 0;
    const bucket = new TokenBucket(2, 1, () => nowMs);
    const takes = (count: number) => Array.from({ length: count }, () => bucket.take());
    expect(takes(3)).toEqual([true, true, false]);
    nowMs += 1_000;
    expect(takes(2)).toEqual([true, false]);
    nowMs += 60_000;
    expect(takes(3)).toEqual([true, true, false]);
  });
});

describe.skipIf(withoutMosquitto !== null)('Requests on Mosquitto with MQTT 5', () => {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  it('answers to the response topic with the correlation data', async () => {
    const broker = await Mosquitto.start();
    undo.push(() => broker.remove());
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const test = makeConnection(url);
    undo.push(() => test.connection.stop());
    new Requests({
      ...{ topics, log, discoveryPrefix: 'homeassistant' },
      connection: test.connection,
      handlers: handlers(),
    }).start();
    test.connection.start();
    await connected(test);
    const asker = await Listener.open(url, 'mine/#', { protocolVersion: 5 });
    undo.push(() => asker.close());
    const correlations: string[] = [];
    asker.client.on('message', (_topic, _payload, { properties }) => {
      correlations.push(properties?.correlationData?.toString() ?? '');
    });
    await asker.client.publishAsync('faceeval/request/status', '{"transaction":1}', {
      qos: 1,
      properties: { responseTopic: 'mine/answers', correlationData: Buffer.from('c-9') },
    });
    await waitFor(() => asker.messages.length > 0, 5_000, 'the answer');
    expect(JSON.parse(asker.of('mine/answers')[0] ?? '')).toEqual({
      status: 'ok',
      data: { got: {} },
      transaction: 1,
    });
    expect(correlations).toEqual(['c-9']);
  });
});
