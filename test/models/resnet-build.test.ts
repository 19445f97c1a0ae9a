import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrameSource } from '../../src/bench/frame-source.js';
import { modelScenarios } from '../../src/bench/model-scenarios.js';
import { configSchema } from '../../src/config/schema.js';
import { loadManifest, sizeBytesOf } from '../../src/models/manifest.js';
import { BuildOpener } from '../../src/models/open-build.js';

const FAMILY = 'resnet-50-512';
const INT8 = `${FAMILY}-int8`;
const MIB = 1024 ** 2;

let stateDir: string;
beforeAll(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'faceeval-resnet-'));
});
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

const openerFor = (recogniser: object): Promise<BuildOpener> =>
  BuildOpener.create(configSchema.parse({ stateDir, recogniser }));

describe('the ResNet-50 that is trained here', () => {
  it('has the sizes of the seed’s table', () => {
    const sizes = loadManifest()
      .builds.filter(({ family }) => family === FAMILY)
      .map((build) => [build.id, Math.round(sizeBytesOf(build) / MIB)]);
    expect(Object.fromEntries(sizes)).toMatchObject({
      [`${FAMILY}-fp32`]: 154,
      [`${FAMILY}-fp16`]: 77,
      [INT8]: 39,
    });
  });

  it('is there for who asks for it: the more accurate MobileFaceNet comes first', async () => {
    const [first] = (await openerFor({})).rank('recogniser').candidates;
    expect(first?.build.family).toBe('mobilefacenet-192');
    const asked = await (await openerFor({ build: INT8 })).open('recogniser');
    expect(asked.build).toMatchObject({ id: INT8, weights: 'trained' });
    expect(asked.build.output.dimension).toBe(512);
    await asked.release();
  }, 60_000);

  it('runs in the bench', async () => {
    const scenario = modelScenarios(loadManifest()).find(({ id }) => id === `${INT8}/batch-8`);
    const context = {
      opener: await openerFor({}),
      frames: new FrameSource(stateDir, null),
      folder: stateDir,
    };
    const open = await scenario?.open(context);
    await open?.run();
    await open?.close?.();
    expect(open).toMatchObject({ precision: 'int8', batch: 8 });
    expect(open).not.toHaveProperty('note');
  }, 60_000);
});
