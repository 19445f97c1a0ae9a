import { createServer } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CameraBoard } from '../../src/daemon/camera-board.js';
import { Health, type HealthSources } from '../../src/daemon/health.js';
import { HttpServer } from '../../src/daemon/http.js';
import { Metrics } from '../../src/daemon/metrics.js';
import { deviceName, SlowReadings } from '../../src/daemon/slow-readings.js';
import type { CameraStats, CameraStatus, Hit, VisionStats } from '../../src/domain/records.js';
import { healthSchema } from '../../src/mqtt/payloads.js';
import { topicsUnder } from '../../src/mqtt/topics.js';
import { waitFor } from '../mqtt/mosquitto.js';

const state = { broker: null as string | null, vision: 'running', store: [] as string[] };
const sources: HealthSources = {
  version: '9.9.9',
  device: 'test board',
  outboxSize: () => 3,
  brokerProblem: () => state.broker,
  visionState: () => state.vision,
  visionRestarts: () => 1,
  readings: () => ({ temperatureC: 51.5, memoryFreeBytes: 1_000 }),
  databaseRepair: undefined,
  storeProblems: () => state.store,
};

function stats(camera: Partial<CameraStats> = {}, frameAgeMs: number | null = 40): VisionStats {
  const counters = { frames: 10, dropped: 2, detections: 4, faces: 3, tracks: 1, reconnects: 0 };
  return {
    cameras: [{ cameraId: 'door', fps: 14.96, frameAgeMs: 40, ...counters, ...camera }],
    stages: [{ stage: 'detect', count: 4, p50Ms: 6.04, p95Ms: 9, p99Ms: 9.5, totalMs: 26 }],
    rssBytes: 200_000_000,
    peakRssBytes: 210_000_000,
    decodersRssBytes: 60_000_000,
    frameAgeMs,
  };
}

function status(state: CameraStatus['state'], reason?: string): CameraStatus {
  return { cameraId: 'door', state, sinceMs: 0, ...(reason !== undefined && { reason }) };
}

function hit(totalMs: number): Hit {
  return {
    ...({ camera: 'door', type: 'recognised' } as Hit),
    latencyMs: { capture: 0, detect: 0, embed: 0, match: 0, total: totalMs },
  };
}

let health: Health;
let metrics: Metrics;
beforeEach(() => {
  Object.assign(state, { broker: null, vision: 'running', store: [] });
  health = new Health(sources);
  metrics = new Metrics({
    version: '9.9.9',
    outbox: () => 3,
    databaseBytes: () => 4_096,
    gallery: () => 12,
    restarts: () => 1,
    mqttConnected: () => state.broker === null,
    readings: sources.readings,
  });
});
afterEach(() => health.stop());

describe('Health', () => {
  it('reports what the contract says', () => {
    health.takeStats(stats());
    health.takeCamera(status('online'));
    for (let ms = 1; ms <= 100; ms++) health.takeHit(hit(ms));
    const report = healthSchema.parse(JSON.parse(JSON.stringify(health.report())));
    expect(report).toMatchObject({
      status: 'ok',
      problems: [],
      fps: 15,
      outbox: 3,
      temperatureC: 51.5,
      latencyMs: { hit: { p50: 50, p95: 95 }, stages: { detect: { p50: 6, p95: 9 } } },
      cameras: [{ camera: 'door', state: 'online', fps: 15, frames: 10 }],
    });
  });

  it('names every problem', () => {
    health.takeStats(stats());
    health.takeCamera(status('lost', 'no route to host'));
    Object.assign(state, { broker: 'the broker is busy', store: ['hits cannot be recorded'] });
    expect(health.problems()).toEqual([
      'MQTT: the broker is busy',
      'camera door is lost: no route to host',
      'hits cannot be recorded',
    ]);
    expect(health.report().status).toBe('degraded');
  });

  it('sees no event loop delay where there is none, and one that is there', async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(health.report().eventLoopP99Ms).toBeLessThan(60);
    const endMs = performance.now() + 300;
    while (performance.now() < endMs);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(health.report().eventLoopP99Ms).toBeGreaterThan(200);
  });

  it.each([
    ['a vision process that is being started again', 'waiting', 'online', 99_999, true],
    ['frames that are worked on', 'running', 'online', 100, true],
    ['frames that are not worked on', 'running', 'online', 99_999, false],
    ['a lost camera', 'running', 'lost', 99_999, true],
    ['a paused camera', 'running', 'paused', null, true],
  ] as const)('judges progress with %s', (_what, vision, camera, frameAgeMs, progressing) => {
    state.vision = vision;
    health.takeStats(stats({}, frameAgeMs));
    health.takeCamera(status(camera));
    expect(health.progressing).toBe(progressing);
  });

  it('sees no progress when the vision process says nothing', () => {
    expect(health.progressing).toBe(false);
    health.takeBuilds([]);
    expect(health.progressing).toBe(true);
  });
});

describe('SlowReadings', () => {
  it('reads the memory of this machine', async () => {
    const readings = new SlowReadings(pino({ level: 'silent' }));
    readings.start();
    await waitFor(() => readings.last.memoryFreeBytes > 0, 10_000, 'a reading');
    readings.stop();
    expect(readings.last.memoryFreeBytes).toBeGreaterThan(10_000_000);
    expect(deviceName()).not.toBe('');
  });
});

describe('Metrics', () => {
  const value = async (line: string): Promise<number> => {
    const text = await metrics.registry.metrics();
    const found = text.split('\n').find((row) => row.startsWith(`${line} `));
    return Number(found?.split(' ').at(-1));
  };

  it('keeps counters growing over a restart of the vision process', async () => {
    const frames = 'faceeval_frames_total{camera="door"}';
    metrics.takeStats(stats({ frames: 10 }));
    metrics.takeStats(stats({ frames: 25 }));
    expect(await value(frames)).toBe(25);
    metrics.takeStats(stats({ frames: 5 }));
    expect(await value(frames)).toBe(30);
    metrics.takeStats(stats({ frames: 6 }));
    expect(await value(frames)).toBe(31);
  });

  it('counts hits and shows what is asked for when it is asked for', async () => {
    metrics.countHit(hit(120));
    metrics.takeCamera(status('online'));
    expect(await value('faceeval_hits_total{camera="door",type="recognised"}')).toBe(1);
    expect(await value('faceeval_hit_latency_seconds_bucket{le="0.2"}')).toBe(1);
    expect(await value('faceeval_camera_up{camera="door"}')).toBe(1);
    expect(await value('faceeval_mqtt_connected')).toBe(1);
    state.broker = 'gone';
    expect(await value('faceeval_mqtt_connected')).toBe(0);
    expect(await value('faceeval_gallery_templates')).toBe(12);
  });

  it('tells a camera that somebody paused from one that is away', async () => {
    const paused = 'faceeval_camera_paused{camera="door"}';
    metrics.takeCamera(status('paused'));
    expect([await value('faceeval_camera_up{camera="door"}'), await value(paused)]).toEqual([0, 1]);
    metrics.takeCamera(status('lost'));
    expect(await value(paused)).toBe(0);
    metrics.forgetCamera('door');
    expect(await value(paused)).toBeNaN();
  });

  it('names everything faceeval_', async () => {
    const text = await metrics.registry.metrics();
    const names = text.split('\n').filter((line) => line.startsWith('# TYPE'));
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((line) => !line.startsWith('# TYPE faceeval_'))).toEqual([]);
  });
});

describe('CameraBoard', () => {
  function open() {
    const topics = topicsUnder('faceeval');
    const said: [string, string?][] = [];
    const mqtt = {
      retain: (topic: string, payload: string) => said.push([topic, payload]),
      clear: (topic: string) => said.push([topic]),
    };
    const log = pino({ level: 'silent' });
    const board = new CameraBoard({ cameras: ['door'], health, metrics, mqtt, topics, log });
    board.take(status('online'));
    board.takeStats(stats());
    return { board, said };
  }

  it('says nothing more of a camera that is watched no longer, whatever comes of it late', async () => {
    const { board, said } = open();
    expect(await metrics.registry.metrics()).toContain('camera="door"');
    board.keep(new Set(['gate']));
    said.length = 0;
    board.take(status('reconnecting'));
    board.takeStats(stats());
    expect(said).toEqual([]);
    expect(await metrics.registry.metrics()).not.toContain('camera="door"');
    expect(health.report().cameras).toEqual([]);
    expect(health.problems()).toEqual([]);
  });

  it('shows that nothing is worked on while there is no vision process', async () => {
    const { board } = open();
    board.visionExited();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { cameras, fps, frameAgeMs, memory } = health.report();
    expect(cameras).toMatchObject([{ state: 'reconnecting', fps: 0, frames: 10 }]);
    expect([fps, memory.visionRssBytes]).toEqual([0, 0]);
    expect(frameAgeMs).toBeGreaterThan(120);
    const text = await metrics.registry.metrics();
    expect(text).toContain('faceeval_camera_fps{camera="door"} 0\n');
    expect(text).toContain('faceeval_vision_rss_bytes 0\n');
    const age = /^faceeval_frame_age_seconds (\S+)$/m.exec(text)?.[1];
    expect(Number(age)).toBeGreaterThan(0.12);
  });
});

describe('HttpServer', () => {
  it('serves health and metrics, and nothing else', async () => {
    const server = await HttpServer.start(
      { enabled: true, host: '127.0.0.1', port: 0 },
      health,
      metrics,
    );
    try {
      const url = `http://127.0.0.1:${server.port}`;
      health.takeStats(stats());
      const good = await fetch(`${url}/healthz`);
      expect(good.status).toBe(200);
      expect(healthSchema.parse(await good.json()).status).toBe('ok');
      state.broker = 'the broker is busy';
      const bad = await fetch(`${url}/healthz`);
      expect(bad.status).toBe(503);
      expect(healthSchema.parse(await bad.json()).problems).toEqual(['MQTT: the broker is busy']);
      const page = await fetch(`${url}/metrics`);
      expect(page.headers.get('content-type')).toMatch(/^text\/plain/);
      expect(await page.text()).toContain('faceeval_outbox_messages 3');
      expect((await fetch(`${url}/other`)).status).toBe(404);
      const large = { method: 'POST', body: 'x'.repeat(5_000) };
      expect([404, 413]).toContain((await fetch(`${url}/healthz`, large)).status);
    } finally {
      await server.stop();
    }
  });

  it('names the port when it is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const http = { enabled: true, host: '127.0.0.1', port };
    await expect(HttpServer.start(http, health, metrics)).rejects.toMatchObject({
      code: 'CONFIG',
      message: `health and metrics cannot be served on 127.0.0.1:${port}: something else listens there already`,
      hint: expect.stringContaining('http.port'),
    });
    other.close();
  });
});
