import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, configSchema } from '../../src/config/schema.js';
import type { RequestHandlers } from '../../src/control/answer.js';
import { ControlServer } from '../../src/control/control-server.js';
import { HitFeed } from '../../src/control/hit-feed.js';
import { checkBroker } from '../../src/doctor/broker-check.js';
import { checkCameras } from '../../src/doctor/camera-checks.js';
import { checkEncryption } from '../../src/doctor/encryption-check.js';
import { describeDevice } from '../../src/doctor/model-checks.js';
import { checkState } from '../../src/doctor/state-checks.js';
import { checkNode, checkProgram } from '../../src/doctor/system-checks.js';
import { detectDevice } from '../../src/models/device.js';
import { boardProbe } from '../models/board-fixture.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-doctor-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a server on a free port; the result closes it. */
async function listen(server: Server): Promise<{ port: number; close: () => Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, close: () => new Promise((done) => server.close(() => done())) };
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const { port, close } = await listen(createServer());
  await close();
  return port;
}

const camerasOf = (...sources: string[]): Config['cameras'] =>
  configSchema.parse({ cameras: sources.map((source, i) => ({ id: `cam${i}`, source })) }).cameras;

describe('the system', () => {
  it.each([
    ['20.10.0', 'ok'],
    ['22.1.0', 'ok'],
    ['20.9.9', 'problem'],
    ['18.20.4', 'problem'],
  ])('judges Node %s as %s', (version, level) => {
    expect(checkNode(version).level).toBe(level);
  });

  it('says what to install when a program is missing', async () => {
    expect(await checkProgram('faceeval-no-such-program', [], 'apt install it')).toMatchObject({
      level: 'problem',
      hint: 'apt install it',
    });
  });
});

describe('the device', () => {
  it('says when a GPU is left idle', () => {
    const findings = describeDevice(detectDevice(boardProbe('jetson-nano-cpu-runtime')));
    expect(findings.at(-1)).toMatchObject({
      level: 'warning',
      hint: expect.stringContaining('docs/jetson.md'),
    });
    expect(describeDevice(detectDevice(boardProbe('pi-5'))).map((f) => f.level)).toEqual([
      'ok',
      'ok',
      'ok',
    ]);
  });
});

describe('the state folder', () => {
  it('may be missing as long as it can be made', () => {
    const findings = checkState(join(folder, 'a/b'));
    expect(findings[0]?.text).toContain('will be made at the first start');
    expect(findings.every(({ level }) => level !== 'problem')).toBe(true);
  });

  it('must not be readable by others', () => {
    const state = join(folder, 'state');
    mkdirSync(state, { mode: 0o700 });
    expect(checkState(state).map(({ level }) => level)).not.toContain('problem');
    chmodSync(state, 0o755);
    expect(checkState(state)).toContainEqual({
      area: 'state',
      level: 'problem',
      text: `other users can read ${state}`,
      hint: expect.stringContaining('chmod go='),
    });
  });

  it('must be a folder', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(checkState(join(folder, 'file'))[0]).toMatchObject({ level: 'problem' });
  });
});

describe('the key of encrypted faces', () => {
  const check = (encryption: { enabled: boolean; keyFile?: string }) =>
    checkEncryption({ encryption, stateDir: folder });

  it('is not asked for while nothing is encrypted', () => {
    expect(check({ enabled: false, keyFile: join(folder, 'none') })).toEqual([]);
  });

  it('has to be there, and should lie elsewhere', () => {
    const keyFile = join(folder, 'key');
    expect(check({ enabled: true, keyFile })).toMatchObject([
      { level: 'problem', text: expect.stringContaining('encryption.keyFile cannot be read') },
    ]);
    writeFileSync(keyFile, Buffer.alloc(32, 7), { mode: 0o600 });
    expect(check({ enabled: true, keyFile })).toMatchObject([
      { level: 'warning', text: expect.stringContaining('lies on the same disk') },
    ]);
    const elsewhere = checkEncryption({
      encryption: { enabled: true, keyFile },
      stateDir: '/proc/self',
    });
    expect(elsewhere).toMatchObject([{ level: 'ok' }]);
  });
});

describe('cameras', () => {
  it('are looked for, each in its way', async () => {
    const camera = await listen(createServer());
    const port = await closedPort();
    writeFileSync(join(folder, 'clip.mp4'), '');
    const findings = await checkCameras(
      camerasOf(
        join(folder, 'clip.mp4'),
        '/dev/video97',
        `rtsp://user:secret@127.0.0.1:${camera.port}/stream`,
        `http://127.0.0.1:${port}/mjpeg`,
      ),
      false,
    );
    await camera.close();
    expect(findings.slice(1).map(({ level }) => level)).toEqual(['ok', 'problem', 'ok', 'problem']);
    expect(findings[4]?.text).toContain('ECONNREFUSED');
    expect(JSON.stringify(findings)).not.toContain('secret');
  });

  it('may be none, which is a warning', async () => {
    expect((await checkCameras([], false)).at(-1)?.level).toBe('warning');
  });
});

describe('the broker', () => {
  const checkAll = (mqtt: object) => checkBroker(configSchema.parse({ mqtt }).mqtt, folder);
  const check = async (mqtt: object) => (await checkAll(mqtt))[0];

  it('takes the connection, or says why not', async () => {
    const aedes = await Aedes.createBroker({
      authenticate: (_client, username, password, done) =>
        done(null, username === 'me' && String(password) === 'right'),
    });
    const broker = await listen(createServer(aedes.handle));
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const tooNew = await check({ url, protocol: 5 });
    const right = await check({ url, username: 'me', password: 'right', protocol: 4 });
    const wrong = await check({ url, username: 'me', password: 'wrong', protocol: 4 });
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    await broker.close();
    expect(right).toMatchObject({ level: 'ok' });
    expect(tooNew?.hint).toContain('mqtt.protocol: 4');
    expect(wrong).toMatchObject({ level: 'problem', hint: expect.stringContaining('username') });
  });

  it('is a problem when nobody answers', async () => {
    const url = `mqtt://127.0.0.1:${await closedPort()}`;
    expect(await check({ url })).toMatchObject({
      level: 'problem',
      text: expect.stringContaining('ECONNREFUSED'),
      hint: expect.stringContaining('outbox'),
    });
  });

  it('embedded wants its port free, or held by the daemon that runs', async () => {
    const taken = await listen(createServer());
    const embedded = { host: '127.0.0.1', port: taken.port };
    expect(await check({ embedded })).toMatchObject({
      level: 'problem',
      hint: expect.stringContaining(`mqtt.url: mqtt://localhost:${taken.port}`),
    });
    const statusOf = (url: string) => ({ status: async () => ({ broker: { url } }) });
    for (const [url, level] of [
      [`mqtt://127.0.0.1:${taken.port}`, 'ok'],
      ['mqtt://broker.local', 'problem'],
    ] as const) {
      const daemon = await ControlServer.start({
        stateDir: folder,
        handlers: statusOf(url) as unknown as RequestHandlers,
        feed: new HitFeed(),
        earlierHits: () => [],
        log: pino({ level: 'silent' }),
      });
      expect([url, (await check({ embedded }))?.level]).toEqual([url, level]);
      await daemon.stop();
    }
    await taken.close();
    expect((await check({ embedded }))?.level).toBe('ok');
  });

  it('embedded is to be closed to the network, or to ask for a password', async () => {
    const embedded = { host: '0.0.0.0', port: 0 };
    expect((await checkAll({ embedded }))[1]).toMatchObject({
      level: 'warning',
      text: expect.stringContaining('may enrol, rename, forget and pause'),
      hint: expect.stringContaining('mqtt.passwordFile'),
    });
    expect((await checkAll({ embedded, requests: false }))[1]?.text).not.toContain('enrol');
    expect(await checkAll({ embedded, username: 'me', password: 'x' })).toHaveLength(1);
    expect(await checkAll({ embedded: { host: 'localhost', port: 0 } })).toHaveLength(1);
  });
});
