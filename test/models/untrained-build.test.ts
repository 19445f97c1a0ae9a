import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrameSource } from '../../src/bench/frame-source.js';
import { modelScenarios } from '../../src/bench/model-scenarios.js';
import { configSchema } from '../../src/config/schema.js';
import { loadManifest, sizeBytesOf } from '../../src/models/manifest.js';
import { BuildOpener } from '../../src/models/open-build.js';

const INT8 = 'resnet-50-512-untrained-int8';
const MIB = 1024 ** 2;

let stateDir: string;
beforeAll(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'faceeval-untrained-'));
});
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

const openerFor = (recogniser: object): Promise<BuildOpener> =>
  BuildOpener.create(configSchema.parse({ stateDir, recogniser }));

describe('the ResNet-50 without trained weights', () => {
  it('has the sizes of the seed’s table', () => {
    const sizes = loadManifest()
      .builds.filter(({ family }) => family === 'resnet-50-512-untrained')
      .map((build) => [build.precision, Math.round(sizeBytesOf(build) / MIB)]);
    expect(Object.fromEntries(sizes)).toEqual({ fp32: 154, fp16: 77, int8: 39 });
  });

  it('is refused by the daemon, with the reason, and never chosen', async () => {
    const asked = await openerFor({ build: INT8 });
    await expect(asked.open('recogniser')).rejects.toMatchObject({
      code: 'MODEL',
      message: `the build ${INT8} cannot be used: its weights are not trained yet: it would name people at random`,
      hint: expect.stringContaining('set the build to auto'),
    });
    const { candidates, rejected } = (await openerFor({})).rank('recogniser');
    expect(candidates.map(({ build }) => build.id)).not.toContain(INT8);
    expect(rejected.map(({ id }) => id)).toContain(INT8);
  });

  it('runs in the bench, which says that it is there for speed only', async () => {
    const scenario = modelScenarios(loadManifest()).find(({ id }) => id === `${INT8}/batch-8`);
    const context = {
      opener: await openerFor({}),
      frames: new FrameSource(stateDir, null),
      folder: stateDir,
    };
    const open = await scenario?.open(context);
    await open?.run();
    await open?.close?.();
    expect(open).toMatchObject({
      precision: 'int8',
      batch: 8,
      note: 'weights not trained: speed only',
    });
  }, 60_000);
});
