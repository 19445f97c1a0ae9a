import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Response, responseSchema } from '../../src/control/request-schemas.js';
import { renderFootage, writeEnrolmentPhotos } from '../../src/demo/footage.js';
import type { Hit } from '../../src/domain/records.js';
import { healthSchema, hitSchema } from '../../src/mqtt/payloads.js';
import { Listener } from '../mqtt/connections.js';
import { Mosquitto, waitFor, withoutMosquitto } from '../mqtt/mosquitto.js';
import { PROGRAM, runProgram, scratchFolder } from './daemon-process.js';

const scratch = scratchFolder();
const footage = join(scratch.dir, 'footage.mp4');
const people = join(scratch.dir, 'people');
const undo: (() => unknown)[] = [];

beforeAll(async () => {
  mkdirSync(people);
  await Promise.all([renderFootage(footage), writeEnrolmentPhotos(people)]);
}, 180_000);
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});
afterAll(() => scratch.remove());

/** The daemon as a process, on a broker that is not its own. */
class Daemon {
  stderr = '';

  private constructor(readonly child: ChildProcess) {}

  static start(name: string, port: number, more: object = {}): Daemon {
    const dir = join(scratch.dir, name);
    mkdirSync(dir, { recursive: true });
    const config = {
      stateDir: join(dir, 'state'),
      node: 'hall',
      cameras: [{ id: 'door', name: 'Front door', source: footage, loop: true }],
      http: { enabled: false },
      mqtt: { url: `mqtt://127.0.0.1:${port}`, keepaliveS: 5 },
      hits: { cooldownMs: 500, unknownCooldownMs: 500, presenceWindowMs: 2_000 },
      ...more,
    };
    const path = join(dir, 'faceeval.yaml');
    writeFileSync(path, stringify(config));
    const child = spawn(process.execPath, [PROGRAM, 'run', '--config', path], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const daemon = new Daemon(child);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      daemon.stderr += text;
    });
    undo.push(() => child.kill('SIGKILL'));
    return daemon;
  }

  async stop(): Promise<number | null> {
    const ended = new Promise<number | null>((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    return ended;
  }
}

async function start(options: Parameters<typeof Mosquitto.start>[0] = {}) {
  const broker = await Mosquitto.start(options);
  undo.push(() => broker.remove());
  const listener = await Listener.open(`mqtt://127.0.0.1:${broker.port}`, '#');
  undo.push(() => listener.close());
  return { broker, listener };
}

const last = (listener: Listener, topic: string): unknown =>
  JSON.parse(listener.of(topic).at(-1) ?? 'null');

describe.skipIf(withoutMosquitto !== null)('the daemon on Mosquitto', { timeout: 240_000 }, () => {
  it('takes requests: enrols, announces, recognises, identifies, pauses and forgets', async () => {
    const { broker, listener } = await start();
    const keyFile = join(scratch.dir, 'faces.key');
    writeFileSync(keyFile, randomBytes(32), { mode: 0o600 });
    const encryption = { enabled: true, keyFile };
    const daemon = Daemon.start('requests', broker.port, { encryption });
    const ask = async (command: string, request: object): Promise<Response> => {
      const before = listener.of(`faceeval/response/${command}`).length;
      const text = JSON.stringify(request);
      await listener.client.publishAsync(`faceeval/request/${command}`, text, { qos: 1 });
      const topic = `faceeval/response/${command}`;
      await waitFor(
        () => listener.of(topic).length > before,
        30_000,
        () => `${topic}\n${daemon.stderr}`,
      );
      return responseSchema.parse(last(listener, topic));
    };
    await waitFor(
      () => last(listener, 'faceeval/health') !== null,
      60_000,
      () => daemon.stderr,
    );
    expect(healthSchema.parse(last(listener, 'faceeval/health')).builds.length).toBeGreaterThan(1);

    const [photo = ''] = readdirSync(people);
    const name = photo.split('.')[0] ?? '';
    const image = readFileSync(join(people, photo)).toString('base64');
    const enrolled = await ask('enroll', { name, image, transaction: 't' });
    expect(enrolled).toMatchObject({ status: 'ok', transaction: 't', data: { kind: 'enrolled' } });
    const { identity } = (enrolled as { data: { identity: { id: string } } }).data;
    const component = `person_${identity.id.toLowerCase()}`;
    const announced = (): Record<string, unknown> =>
      (last(listener, 'homeassistant/device/hall/config') as { cmps: Record<string, unknown> })
        .cmps;
    await waitFor(() => component in announced(), 10_000, 'the person in Home Assistant');

    const slug = name.toLowerCase();
    const present = () =>
      listener.of(`faceeval/people/${slug}/presence`).some((text) => text.includes('"present"'));
    await waitFor(present, 60_000, () => `${name} to be present\n${daemon.stderr}`);
    await waitFor(() => listener.of('faceeval/hits').length > 0, 10_000, 'a hit');
    expect(hitSchema.parse(last(listener, 'faceeval/hits')).identity?.name).toBe(name);

    const found = await ask('identify', { image });
    expect(found).toMatchObject({
      data: { faces: [{ verdict: 'recognised', match: { identity: { name } } }] },
    });
    expect(await ask('identify', { image: 'bm8gcGljdHVyZQ==' })).toMatchObject({
      status: 'error',
      code: 'IMAGE',
    });
    expect(await ask('pause', { camera: 'attic' })).toMatchObject({ hint: 'there is: door' });
    await ask('pause', {});
    const paused = () =>
      (last(listener, 'faceeval/cameras/door/state') as { state: string }).state === 'paused';
    await waitFor(paused, 10_000, 'the pause');
    expect(await ask('forget', { person: name })).toMatchObject({
      status: 'ok',
      data: { complete: true, rowsLeft: 0, broker: { asked: true, topics: [] } },
    });
    await waitFor(() => !(component in announced()), 10_000, 'the person to leave Home Assistant');
    const topic = `faceeval/people/${slug}/presence`;
    await waitFor(() => listener.of(topic).at(-1) === '', 10_000, 'the topic to be cleared');
    expect(await daemon.stop()).toBe(0);
    expect(last(listener, 'faceeval/state')).toEqual({ state: 'offline' });
    expect(daemon.stderr).not.toMatch(/"level":(50|60)/);
  });

  it('says as soon as it is so that a problem is over', async () => {
    const { broker, listener } = await start();
    listener.client.on('connect', () => listener.client.subscribe('#'));
    const daemon = Daemon.start('problems', broker.port);
    const health = () => listener.of('faceeval/health').map((text) => JSON.parse(text));
    const isWell = () => health().at(-1)?.status === 'ok';
    await waitFor(isWell, 60_000, () => daemon.stderr);
    const path = join(scratch.dir, 'problems', 'faceeval.yaml');
    const before = health().length;
    writeFileSync(path, readFileSync(path, 'utf8').replace('id: door', 'id: door\n    fps: 5'));
    daemon.child.kill('SIGHUP');
    await waitFor(() => health().length > before, 20_000, 'a problem of the reload');
    await waitFor(isWell, 15_000, () => `${JSON.stringify(health().at(-1))}\n${daemon.stderr}`);
    await broker.kill();
    await waitFor(() => daemon.stderr.includes('no MQTT at'), 10_000, 'the loss to be noticed');
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const heard = health().length;
    await broker.restart();
    await waitFor(() => health().length > heard, 20_000, 'news after the return');
    expect(
      health()
        .slice(heard)
        .flatMap(({ problems }) => problems),
    ).toEqual([]);
    expect(await daemon.stop()).toBe(0);
  });

  it('loses and doubles nothing while its broker is killed, blocked and started again', async () => {
    const { broker, listener } = await start({ persistence: true });
    const dir = join(scratch.dir, 'faults');
    const environment = { ...process.env, FACEEVAL__STATEDIR: join(dir, 'state') };
    expect(runProgram(['enroll', '--from', people], environment).status).toBe(0);
    const daemon = Daemon.start('faults', broker.port);
    const hits = (): Hit[] =>
      listener.messages
        .filter(({ topic }) => topic === 'faceeval/hits' || topic === 'faceeval/unknowns')
        .map(({ payload }) => JSON.parse(payload) as Hit);
    const more = async (what: string): Promise<void> => {
      const before = hits().length;
      await waitFor(
        () => hits().length > before,
        60_000,
        () => `hits ${what}\n${daemon.stderr}`,
      );
    };
    const subscribeAgain = () =>
      listener.client.on('connect', () => listener.client.subscribe('#'));
    subscribeAgain();
    await more('at first');
    await broker.kill();
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    await broker.restart();
    await more('after the kill');
    broker.block();
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    broker.unblock();
    await more('after the block');
    expect(await daemon.stop()).toBe(0);
    await waitFor(() => last(listener, 'faceeval/state') !== null, 5_000, 'the goodbye');

    const sqlite = (await import('better-sqlite3')).default;
    const db = new sqlite(join(dir, 'state/faceeval.db'), { readonly: true });
    const decided = db.prepare<[], { id: string }>('SELECT id FROM hits ORDER BY id').all();
    const waiting = db.prepare<[], { id: string }>('SELECT hit_id AS id FROM outbox').all();
    db.close();
    const received = hits().map(({ id }) => id);
    const unique = [...new Set(received)];
    const sent = decided.map(({ id }) => id).filter((id) => !waiting.some((row) => row.id === id));
    // Each hit that is no longer in the outbox has arrived, in the order in which it was decided.
    expect(unique.filter((id) => sent.includes(id))).toEqual(sent);
    expect(unique.filter((id) => !decided.some((row) => row.id === id))).toEqual([]);
    expect(hits().some(({ delayed }) => delayed === true)).toBe(true);
  });
});
