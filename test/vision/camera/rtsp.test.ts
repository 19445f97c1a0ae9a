import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CameraConfig } from '../../../src/config/schema.js';
import type * as CaptureModule from '../../../src/vision/camera/capture.js';
import { compiledModule } from '../../compiled.js';
import { has } from './clips.js';
import { hasRtspServer, RtspServer } from './rtsp-server.js';
import { camera, Watch } from './watch.js';

const SHARED = process.env.FACEEVAL_SHARED ?? join(import.meta.dirname, '../../../../shared');
const FILM = join(SHARED, 'data/video/one-by-one-person-detection.mp4');
const READY = has('ffmpeg') && hasRtspServer();

describe.skipIf(!READY)('RTSP (needs ffmpeg, gir1.2-gst-rtsp-server-1.0, python3-gi)', () => {
  let Capture: typeof CaptureModule.Capture;
  let running: Watch | undefined;
  const servers: RtspServer[] = [];

  beforeAll(async () => {
    ({ Capture } = await compiledModule<typeof CaptureModule>('vision/camera/capture.js'));
  });
  afterEach(async () => {
    await running?.stop();
    for (const server of servers.splice(0)) await server.cut();
  });

  const serve = async (options?: Parameters<typeof RtspServer.start>[0]): Promise<RtspServer> => {
    const server = await RtspServer.start(options);
    servers.push(server);
    return server;
  };
  const watch = (config: CameraConfig, options?: { busyMs?: number }): Watch => {
    running = new Watch(Capture, [config], options);
    return running;
  };

  for (const rtspTransport of ['tcp', 'udp'] as const) {
    it(`is read over ${rtspTransport} without a growing lag`, async () => {
      const server = await serve();
      const w = watch(camera(server.url(), { rtspTransport }), { busyMs: 100 });
      await w.until('it is online', () => w.states.includes('online'));
      await w.until('frames came', () => w.frames.length > 20);
      expect(w.frames[0]).toMatchObject({ width: 320, height: 240 });
      const ages = w.frames.map(({ ageMs }) => ageMs).sort((a, b) => a - b);
      expect(ages[10]).toBeLessThan(70);
      expect(w.capture.stats('cam').dropped).toBeGreaterThan(3);
    });
  }

  it('comes back by itself after the camera was cut off', async () => {
    const server = await serve();
    const w = watch(camera(server.url()));
    await w.until('it is online', () => w.states.at(-1) === 'online');
    await server.cut();
    await w.until('the loss is noticed', () => w.states.at(-1) === 'reconnecting', 3_000);
    await w.until('it was tried in vain', () => w.capture.stats('cam').reconnects >= 2);
    expect(w.lastReason).toMatch(/nothing answers at this address/);
    await serve({ port: server.port });
    // The third pause is 4 s ± 20 %.
    await w.until('it is online again', () => w.states.at(-1) === 'online', 8_000);
    const before = w.frames.length;
    await w.until('frames come', () => w.frames.length > before + 5);
  });

  it('notices a camera that hangs with its connection open', async () => {
    const server = await serve();
    const w = watch(camera(server.url(), { stallMs: 2_000 }));
    await w.until('it is online', () => w.states.at(-1) === 'online');
    server.freeze();
    const noticedMs = await w.until('the stall is noticed', () => w.states.at(-1) !== 'online');
    expect(noticedMs).toBeGreaterThan(1_500);
    expect(noticedMs).toBeLessThan(4_000);
    expect(w.lastReason).toMatch(/no frame for 2 s/);
  });

  it('says what to do about a wrong password or path, and never shows the password', async () => {
    const server = await serve({ user: 'viewer', password: 'right' });
    const refused = watch(camera(server.url('viewer:s3cret@')));
    await refused.until('the refusal', () => refused.lastReason !== undefined);
    expect(refused.lastReason).toMatch(/refuses user or password/);
    expect(JSON.stringify(refused.statuses)).not.toContain('s3cret');
    await refused.stop();
    const wrong = watch(camera(server.url('viewer:right@').replace('/cam', '/other')));
    await wrong.until('the refusal', () => wrong.lastReason !== undefined);
    expect(wrong.lastReason).toMatch(/no such stream/);
    await wrong.stop();
    const right = watch(camera(server.url('viewer:right@')));
    await right.until('it is online', () => right.states.at(-1) === 'online');
  });

  it.skipIf(!existsSync(FILM))(
    'plays a film again that a server ends (needs shared data)',
    async () => {
      const server = await serve({ file: FILM });
      const w = watch(camera(server.url()));
      await w.until('it is online', () => w.states.at(-1) === 'online');
      await w.until('frames came', () => w.frames.length > 20);
      expect(w.frames[0]).toMatchObject({ width: 768, height: 432 });
    },
  );
});
