import { expect, it } from 'vitest';
import type { runFuzz } from '../../src/faults/fuzz.js';
import { compiledModule } from '../compiled.js';
import { stateFolder } from '../daemon/state-folder.js';

it('takes damaged images, requests, packets and configurations without an end or a bug', async () => {
  const fuzz = await compiledModule<{ runFuzz: typeof runFuzz }>('faults/fuzz.js');
  const report = await fuzz.runFuzz({ files: 60, seed: 20_261_124, dir: stateFolder() });
  expect(report.images.inputs).toBe(60);
  expect(report.images.accepted).toBeGreaterThan(5);
  expect(report.images.refused).toBeGreaterThan(5);
  expect(report.requests.refused).toBeGreaterThan(5);
  expect(report.mqttInputs).toBeGreaterThan(10);
  expect(report.configurations.refused).toBeGreaterThan(5);
  expect(report).toMatchObject({ daemonAlive: true, visionState: 'running', missed: [] });
}, 240_000);
