import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { afterEach, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { VisionSupervisor } from '../../src/vision/supervisor.js';
import { compiledPath } from '../compiled.js';
import { stateFolder } from '../daemon/state-folder.js';
import { waitFor } from '../mqtt/mosquitto.js';

/** Longer than the supervisor waits for a sign of life. */
const HEARTBEATS_MS = 13_000;

let supervisor: VisionSupervisor | undefined;
afterEach(() => supervisor?.stop());

it('analyses pictures without any camera, and is not taken for dead', async () => {
  const config = configSchema.parse({ stateDir: stateFolder(), cameras: [] });
  let isReady = false;
  supervisor = new VisionSupervisor({
    script: compiledPath('vision/main.js'),
    config: { ...config, snapshots: 'off' },
    mode: { fast: false },
    log: pino({ level: 'silent' }),
    handlers: {
      ...{ observation: () => {}, trackEnded: () => {}, cameraStatus: () => {}, stats: () => {} },
      ...{ loading: () => {}, exited: () => {}, sourcesEnded: () => {} },
      ready: () => {
        isReady = true;
      },
    },
  });
  supervisor.start();
  await waitFor(() => isReady, 60_000, 'the vision process');
  await delay(HEARTBEATS_MS);
  expect(supervisor.restarts).toBe(0);
  const require = createRequire(import.meta.url);
  const demo = join(dirname(require.resolve('@vladmandic/face-api/package.json')), 'demo');
  const analysis = await supervisor.analyse(readFileSync(join(demo, 'sample1.jpg')));
  expect(analysis.ok && analysis.faces).toHaveLength(3);
}, 120_000);
