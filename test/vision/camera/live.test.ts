import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CameraConfig } from '../../../src/config/schema.js';
import type * as CaptureModule from '../../../src/vision/camera/capture.js';
import { compiledModule, compiledPath } from '../../compiled.js';
import { has, makeClip, makeImage } from './clips.js';
import { camera, Watch } from './watch.js';

const BOUNDARY = 'frame';

describe.skipIf(!has('ffmpeg'))('live sources (needs ffmpeg)', () => {
  let Capture: typeof CaptureModule.Capture;
  let folder: string;
  let running: Watch | undefined;
  let server: Server | undefined;
  let jpegs: Buffer[];

  beforeAll(async () => {
    ({ Capture } = await compiledModule<typeof CaptureModule>('vision/camera/capture.js'));
    folder = mkdtempSync(join(tmpdir(), 'faceeval-live-'));
    jpegs = [60, 120, 180].map((grey) =>
      readFileSync(makeImage(folder, `${grey}.jpg`, '320x240', grey)),
    );
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const watch = (config: CameraConfig): Watch => {
    running = new Watch(Capture, [config]);
    return running;
  };
  const serve = async (listener: RequestListener, port = 0): Promise<string> => {
    server = createServer(listener).listen(port, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/cam`;
  };
  /** Sends parts at 15 fps, for ever or `count` of them. */
  const mjpeg =
    (count = Number.POSITIVE_INFINITY): RequestListener =>
    (_request, response) => {
      response.writeHead(200, { 'content-type': `multipart/x-mixed-replace;boundary=${BOUNDARY}` });
      let sent = 0;
      const timer = setInterval(() => {
        if (sent >= count) return response.end();
        const jpeg = jpegs[sent++ % jpegs.length] as Buffer;
        const head = `--${BOUNDARY}\r\ncontent-type: image/jpeg\r\ncontent-length: ${jpeg.length}\r\n\r\n`;
        response.write(Buffer.concat([Buffer.from(head), jpeg, Buffer.from('\r\n')]));
      }, 66);
      response.once('close', () => clearInterval(timer));
    };

  it('reads MJPEG over HTTP, and takes an ended stream for a failure', async () => {
    const w = watch(camera(await serve(mjpeg(40))));
    await w.until('it is online', () => w.states.at(-1) === 'online');
    await w.until('the stream ended', () => w.states.includes('reconnecting'));
    await w.until('it is online again', () => w.states.at(-1) === 'online');
    expect(w.states.slice(0, 4)).toEqual(['connecting', 'online', 'reconnecting', 'online']);
    expect(w.frames[0]).toMatchObject({ width: 320, height: 240 });
    const greys = new Set(w.frames.map(({ luma }) => Math.round(luma / 60)));
    expect(greys.size).toBe(3);
  });

  it('opens a camera again whose picture has another size, instead of squeezing it', async () => {
    const turned = readFileSync(makeImage(folder, 'turned.jpg', '240x320', 90));
    const wide = jpegs;
    const url = await serve(mjpeg());
    const w = watch(camera(url));
    await w.until('it is online', () => w.states.at(-1) === 'online');
    jpegs = [turned];
    await w.until('it has the new size', () => w.frames.at(-1)?.width === 240);
    jpegs = wide;
    expect(w.frames.at(-1)).toMatchObject({ width: 240, height: 320 });
    expect(w.states.slice(0, 4)).toEqual(['connecting', 'online', 'reconnecting', 'online']);
    expect(w.lastReason).toBe('the picture has another size now: the camera is opened again');
  });

  it('asks a snapshot address again and again, at the asked rate', async () => {
    let asked = 0;
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'image/jpeg' });
      response.end(jpegs[asked++ % jpegs.length]);
    });
    const w = watch(camera(url, { fps: 4 }));
    await w.until('pictures came', () => w.frames.length >= 5);
    expect(w.states).toEqual(['connecting', 'online']);
    expect(w.capture.stats('cam').reconnects).toBe(0);
  });

  it('leaves frames out above the asked rate, and invents none below it', async () => {
    const w = watch(camera(await serve(mjpeg()), { fps: 5 }));
    await w.until('frames came', () => w.frames.length >= 11);
    const spanS = ((w.frames.at(-1)?.atMs ?? 0) - (w.frames[0]?.atMs ?? 0)) / 1000;
    const fps = (w.frames.length - 1) / spanS;
    expect(fps).toBeGreaterThan(3.5);
    expect(fps).toBeLessThan(8);
    await w.stop();
    const above = watch(camera(await serve(mjpeg()), { fps: 60 }));
    await above.until('frames came', () => above.frames.length >= 20);
    const aboveS = ((above.frames.at(-1)?.atMs ?? 0) - (above.frames[5]?.atMs ?? 0)) / 1000;
    expect((above.frames.length - 6) / aboveS).toBeLessThan(20);
  });

  const answers: [string, RequestListener, RegExp][] = [
    ['401', (_q, r) => r.writeHead(401).end(), /refuses user or password/],
    ['404', (_q, r) => r.writeHead(404).end(), /no such stream/],
    ['503', (_q, r) => r.writeHead(503).end(), /no more viewers/],
    ['a web page', (_q, r) => r.end('<html>'.repeat(99)), /no video or image that can be read/],
  ];
  for (const [name, listener, reason] of answers) {
    it(`says what to do when it is answered with ${name}`, async () => {
      const w = watch(camera(await serve(listener)));
      await w.until('it failed', () => w.lastReason !== undefined);
      expect(w.lastReason).toMatch(reason);
      expect(w.states.at(-1)).toBe('reconnecting');
    });
  }

  it('notices within 15 s that somebody accepts and says nothing', {
    timeout: 20_000,
  }, async () => {
    const sockets: Socket[] = [];
    const silent = createTcpServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const w = watch(camera(`rtsp://127.0.0.1:${port}/cam`));
    const noticedMs = await w.until('the silence is noticed', () => w.lastReason !== undefined);
    expect(noticedMs).toBeLessThan(15_000);
    expect(w.lastReason).toMatch(/sends no picture/);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('keeps asking for a camera that is not there, and calls it lost after some tries', async () => {
    const w = watch(camera('rtsp://127.0.0.1:9/cam'));
    await w.until('it is lost', () => w.states.at(-1) === 'lost');
    expect(w.states).toEqual(['connecting', ...Array(3).fill('reconnecting'), 'lost']);
    expect(w.lastReason).toMatch(/nothing answers/);
    const pauses = w.statuses.slice(1).map(({ atMs }, i) => atMs - (w.statuses[i]?.atMs ?? 0));
    for (const [index, pauseMs] of [1_000, 2_000, 4_000].entries()) {
      expect(pauses[index + 1]).toBeGreaterThan(0.75 * pauseMs);
      expect(pauses[index + 1]).toBeLessThan(1.25 * pauseMs + 500);
    }
    const tries = w.capture.stats('cam').reconnects;
    await w.until('it is asked again', () => w.capture.stats('cam').reconnects > tries);
  });

  it('tells a device and a name that are not there', async () => {
    const device = watch(camera('/dev/video99'));
    await device.until('it failed', () => device.lastReason !== undefined);
    expect(device.lastReason).toMatch(/no device \/dev\/video99: plug the camera in/);
    await device.stop();
    const name = watch(camera('rtsp://no-such-camera.invalid/cam'));
    await name.until('it failed', () => name.lastReason !== undefined);
    expect(name.lastReason).toMatch(/name of the camera is not known/);
  });

  it.skipIf(!existsSync('/dev/video0'))('reads a V4L2 device (needs /dev/video0)', async () => {
    const w = watch(camera('v4l2:/dev/video0', { width: 640, height: 480, fps: 15 }));
    await w.until('frames came', () => w.frames.length > 10);
    expect(w.frames[0]?.width).toBeLessThanOrEqual(640);
  });

  describe('decoders', () => {
    const owners: ChildProcess[] = [];
    afterEach(() => {
      for (const owner of owners.splice(0)) owner.kill('SIGKILL');
    });

    /** A process that captures from the source and tells its decoders. */
    const start = (source: string): Promise<{ owner: ReturnType<typeof spawn>; pid: number }> => {
      const script = join(folder, `owner-${Date.now()}.mjs`);
      const module = pathToFileURL(compiledPath('vision/camera/capture.js')).href;
      writeFileSync(
        script,
        `import { Capture } from ${JSON.stringify(module)};
         const capture = new Capture([${JSON.stringify(camera(source))}], { fast: false }, () => {});
         capture.start();
         for (let frame; (frame = await capture.next()); ) frame.release();
         process.exit();`,
      );
      const owner = spawn(process.execPath, [script], { stdio: 'inherit' });
      owners.push(owner);
      return new Promise((resolve, reject) => {
        const startMs = performance.now();
        const look = setInterval(() => {
          const pid = childrenOf(owner.pid ?? 0).find((child) => nameOf(child) === 'ffmpeg');
          if (pid !== undefined) resolve({ owner, pid });
          else if (performance.now() - startMs > 10_000) reject(new Error('no decoder started'));
          else return;
          clearInterval(look);
        }, 50);
      });
    };
    const gone = async (pid: number): Promise<number> => {
      const startMs = performance.now();
      while (nameOf(pid) === 'ffmpeg' && performance.now() - startMs < 5_000) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return performance.now() - startMs;
    };

    it('end with a killed owner, busy or waiting for a silent camera', async () => {
      const clip = makeClip(folder, { name: 'clip.mp4', seconds: 30, fps: 25 });
      const silent = createTcpServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as AddressInfo;
      for (const source of [clip, `rtsp://127.0.0.1:${port}/cam`]) {
        const { owner, pid } = await start(source);
        owner.kill('SIGKILL');
        expect(await gone(pid), source).toBeLessThan(1_500);
      }
      silent.close();
    });

    it('end when the capture is stopped, and stopping takes no longer than a moment', async () => {
      const w = watch(camera(await serve(mjpeg())));
      await w.until('it is online', () => w.states.at(-1) === 'online');
      expect(w.capture.rssBytes()).toBeGreaterThan(5_000_000);
      const [pid] = childrenOf(process.pid).filter((child) => nameOf(child) === 'ffmpeg');
      const startMs = performance.now();
      await w.stop();
      expect(performance.now() - startMs).toBeLessThan(1_500);
      expect(nameOf(pid as number)).toBeUndefined();
    });
  });
});

function childrenOf(pid: number): number[] {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' });
  return table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child as number);
}

/** Name of a process; undefined when it is gone or only waits to be reaped. */
function nameOf(pid: number): string | undefined {
  try {
    const program = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0];
    return program ? basename(program) : undefined;
  } catch {
    return undefined;
  }
}
