import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { checkModels, describeDevice } from '../../src/doctor/model-checks.js';
import { BuildOpener } from '../../src/models/open-build.js';
import { boardProbe } from '../models/board-fixture.js';

let stateDir: string;
beforeAll(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'faceeval-boards-'));
});
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

/** What `faceeval doctor` says of the shipped models on a board. */
async function doctorOn(board: string, settings: object = {}): Promise<string> {
  const config = configSchema.parse({ stateDir, ...settings });
  const opener = await BuildOpener.create(config, {}, boardProbe(board));
  const findings = [...describeDevice(opener.device), ...(await checkModels(opener, config))];
  return findings.map(({ level, text }) => `${level}: ${text}`).join('\n');
}

const GPU = 'tensorrt → cuda → cpu';
const DETECTOR = 'mtcnn-fp32';
/** The shipped recogniser is 8-bit in part. */
const IN_PART = /8-bit in part loses/;

describe('doctor on simulated boards, with the models that are shipped', () => {
  it.each([
    ['pi-3b', 'Raspberry Pi 3', 'mobilefacenet-192-fp32', 'cpu, 3', IN_PART, DETECTOR],
    ['pi-zero-2-w', 'Zero 2', 'mobilefacenet-192-fp32', 'cpu, 3', IN_PART, DETECTOR],
    ['pi-4b', 'Raspberry Pi 4', 'mobilefacenet-192-fp32', 'cpu, 3', IN_PART, DETECTOR],
    ['cm4', 'Compute Module 4', 'mobilefacenet-192-fp32', 'cpu, 3', IN_PART, DETECTOR],
    ['pi-5', 'Raspberry Pi 5', 'mobilefacenet-192-int8', 'cpu, 3', /asimddp/, DETECTOR],
    ['jetson-nano', 'Nano', 'mobilefacenet-192-fp32', `${GPU}, 3`, /no 8-bit/, DETECTOR],
    ['jetson-tx2', 'quill', 'mobilefacenet-192-fp32', `${GPU}, 4`, /no 8-bit/, DETECTOR],
    ['jetson-xavier-nx', 'Xavier', 'mobilefacenet-192-fp32', GPU, /zero points/, DETECTOR],
    ['jetson-orin-nano', 'Orin', 'mobilefacenet-192-fp32', GPU, /zero points/, DETECTOR],
    [
      'x86-avx512-vnni',
      '',
      'mobilefacenet-192-int8-x86',
      'cpu',
      /preferred on x86-vnni/,
      'fp32-x86',
    ],
    ['x86-no-vnni', 'Desktop', 'mobilefacenet-192-fp32-x86', 'cpu', /preferred on x86/, 'fp32-x86'],
    ['arm-unknown', 'ARM board', 'mobilefacenet-192-fp32', 'cpu', IN_PART, DETECTOR],
  ])('%s', async (board, name, build, how, why, detector) => {
    const text = await doctorOn(board);
    expect(text).toMatch(new RegExp(`^ok: .*${name}`));
    const choice = text.split('\n').find((line) => line.startsWith('ok: recogniser: mobile'));
    expect(choice).toContain(`${build} (${how}`);
    expect(choice).toMatch(why);
    expect(text).toMatch(new RegExp(`ok: detector: \\S*${detector} \\(`));
    expect(text).not.toContain('problem:');
  });

  it('reports a recogniser without a measured threshold: the daemon does not start with it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'faceeval-boards-models-'));
    try {
      cpSync('models', dir, { recursive: true, filter: (path) => !path.includes('resnet') });
      const path = join(dir, 'manifest.json');
      const manifest = JSON.parse(readFileSync(path, 'utf8'));
      for (const build of manifest.builds) delete build.thresholds;
      writeFileSync(path, JSON.stringify(manifest));
      const text = await doctorOn('pi-5', { models: { dir } });
      expect(text).toMatch(/^ok: recogniser: mobilefacenet-192-int8 /m);
      expect(text).toContain('problem: the manifest has no threshold of mobilefacenet-192-int8');
      const set = { models: { dir }, recogniser: { threshold: 0.5 } };
      expect(await doctorOn('pi-5', set)).not.toContain('problem:');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('says that a Jetson whose ONNX Runtime has no GPU provider computes on the CPU', async () => {
    const text = await doctorOn('jetson-nano-cpu-runtime');
    expect(text).toMatch(/warning: .*no provider for it here, so the CPU computes/);
    expect(text).toMatch(/ok: recogniser: mobilefacenet-192-fp32 \(cpu, 3 threads\)/);
  });
});
