import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type * as CaptureModule from '../../../src/vision/camera/capture.js';
import { networkInput } from '../../../src/vision/camera/network-input.js';
import { compiledModule } from '../../compiled.js';
import { has, makeImage } from './clips.js';
import { hasRtspServer, RtspServer } from './rtsp-server.js';
import { camera, Watch } from './watch.js';

const SECRET = "s3c'ret%20x";

/** The arguments of all processes, as `ps` shows them to everybody. */
const allArguments = (): string => execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' });

describe('networkInput', () => {
  it('leaves an address without password on the command line', () => {
    expect(networkInput('rtsp://cam/1?a=b@c', { rtsp_transport: 'tcp' }, () => true)).toEqual({
      args: ['-rtsp_transport', 'tcp', '-i', 'rtsp://cam/1?a=b@c'],
    });
  });

  it('puts one with a password into a script, which it cannot break out of', () => {
    const url = "rtsp://viewer:it's\noption x y@cam/1";
    const { args, stdin } = networkInput(url, { rtsp_transport: 'tcp' }, () => true);
    expect(args.join(' ')).not.toMatch(/viewer|it's/);
    expect(stdin?.split('\n')).toEqual([
      'ffconcat version 1.0',
      "file 'rtsp://viewer:it'\\''soption x y@cam/1'",
      'option rtsp_transport tcp',
      '',
    ]);
  });

  it.each(['user=admin&pwd=geheim', 'Password=geheim', 'a=b&auth_token=geheim'])(
    'hides a password in the query, ?%s',
    (query) => {
      const { args, stdin } = networkInput(`http://cam/snap.jpg?${query}`, {}, () => true);
      expect(args.join(' ')).not.toContain('geheim');
      expect(stdin).toContain('geheim');
    },
  );

  it('hides a password in the path, where widespread cameras take it', () => {
    const url = 'rtsp://cam:554/user=admin_password=geheim_channel=1_stream=0.sdp';
    const { args, stdin } = networkInput(url, { rtsp_transport: 'tcp' }, () => true);
    expect(args.join(' ')).not.toContain('geheim');
    expect(stdin).toContain(url);
  });

  it('shows it where ffmpeg is too old for such a script: a camera that works comes first', () => {
    expect(networkInput('rtsp://a:b@cam/1', {}, () => false).stdin).toBeUndefined();
  });
});

describe.skipIf(!has('ffmpeg'))('user and password of a camera (needs ffmpeg)', () => {
  let Capture: typeof CaptureModule.Capture;
  let folder: string;
  let jpeg: Buffer;
  let running: Watch | undefined;
  let server: Server | undefined;
  let rtsp: RtspServer | undefined;

  beforeAll(async () => {
    ({ Capture } = await compiledModule<typeof CaptureModule>('vision/camera/capture.js'));
    folder = mkdtempSync(join(tmpdir(), 'faceeval-credentials-'));
    jpeg = readFileSync(makeImage(folder, 'grey.jpg', '320x240', 90));
  });
  afterEach(async () => {
    await running?.stop();
    await rtsp?.cut();
    server?.closeAllConnections();
    server?.close();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Serves a picture to those who give the right password. @returns Address with user and password. */
  const serve = async (answer: (response: ServerResponse) => void): Promise<string> => {
    const wanted = `Basic ${Buffer.from(`viewer:${decodeURIComponent(SECRET)}`).toString('base64')}`;
    server = createServer((request, response) => {
      if (request.headers.authorization === wanted) return answer(response);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="cam"' }).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://viewer:${SECRET}@127.0.0.1:${(server.address() as AddressInfo).port}/cam`;
  };
  const watch = (url: string): Watch => {
    running = new Watch(Capture, [camera(url, { fps: 8 })]);
    return running;
  };

  it('reads MJPEG with them, and shows them to nobody', async () => {
    const url = await serve((response) => {
      response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace;boundary=f' });
      const head = `--f\r\ncontent-type: image/jpeg\r\ncontent-length: ${jpeg.length}\r\n\r\n`;
      const timer = setInterval(() => {
        response.write(Buffer.concat([Buffer.from(head), jpeg, Buffer.from('\r\n')]));
      }, 66);
      response.once('close', () => clearInterval(timer));
    });
    const w = watch(url);
    await w.until('frames came', () => w.frames.length >= 20);
    expect(allArguments()).toContain('yuv4mpegpipe');
    expect(allArguments()).not.toMatch(/s3c|viewer:/);
    const [first, last] = [w.frames[5], w.frames.at(-1)];
    const spanS = ((last?.atMs ?? 0) - (first?.atMs ?? 0)) / 1_000;
    expect((w.frames.length - 6) / spanS).toBeLessThan(16);
    const ages = w.frames.map(({ ageMs }) => ageMs).sort((a, b) => a - b);
    expect(ages[Math.floor(ages.length / 2)]).toBeLessThan(200);
  });

  it('asks a snapshot address with them again and again', async () => {
    const url = await serve((response) => {
      response.writeHead(200, { 'content-type': 'image/jpeg' }).end(jpeg);
    });
    const w = watch(url);
    await w.until('pictures came', () => w.frames.length >= 4);
    expect(w.states).toEqual(['connecting', 'online']);
  });

  it('says that they are wrong, without saying them', async () => {
    const url = (await serve((response) => response.end(jpeg))).replace('s3c', 's3d');
    const w = watch(url);
    await w.until('it failed', () => w.lastReason !== undefined);
    expect(w.lastReason).toMatch(/refuses user or password/);
    expect(JSON.stringify(w.statuses)).not.toContain('s3d');
  });

  it('does not say those in the query of a camera that answers with an error', async () => {
    const url = await serve((response) => response.writeHead(400).end());
    const w = watch(`${url}?usr=admin&pwd=geheim`);
    await w.until('it failed', () => w.lastReason !== undefined);
    expect(w.lastReason).toMatch(/400 Bad Request/);
    expect(JSON.stringify(w.statuses)).not.toMatch(/geheim|s3c|127\.0\.0\.1/);
  });

  it.skipIf(!hasRtspServer())('reads RTSP with them, and shows them to nobody', async () => {
    // Another run of the tests on this machine has another one.
    const password = `s3cret-${process.pid}`;
    rtsp = await RtspServer.start({ user: 'viewer', password });
    const w = watch(rtsp.url(`viewer:${password}@`));
    await w.until('frames came', () => w.frames.length > 20);
    const shown = allArguments()
      .split('\n')
      .filter((line) => line.includes(password));
    expect(shown).toMatchObject([expect.stringContaining('rtsp-server.py')]);
    expect(w.frames[0]).toMatchObject({ width: 320, height: 240 });
    const ages = w.frames.map(({ ageMs }) => ageMs).sort((a, b) => a - b);
    expect(ages[10]).toBeLessThan(70);
  });
});
