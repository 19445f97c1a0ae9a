import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrameSource } from '../../src/bench/frame-source.js';
import { modelScenarios } from '../../src/bench/model-scenarios.js';
import { configSchema } from '../../src/config/schema.js';
import { loadManifest, shippedModels, sizeBytesOf } from '../../src/models/manifest.js';
import { BuildOpener } from '../../src/models/open-build.js';

const FAMILY = 'resnet-50-512';
const INT8 = `${FAMILY}-int8`;
const MIB = 1024 ** 2;

let stateDir: string;
beforeAll(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'faceeval-resnet-'));
});
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

/** @param dir Folder of a manifest; the shipped one when absent. */
const openerFor = (recogniser: object, dir?: string): Promise<BuildOpener> =>
  BuildOpener.create(configSchema.parse({ stateDir, recogniser, models: { dir } }));

/** Opens the row of the bench with a batch of eight and runs it once. */
async function benched(opener: BuildOpener) {
  const scenario = modelScenarios(opener.manifest).find(({ id }) => id === `${INT8}/batch-8`);
  const context = { opener, frames: new FrameSource(stateDir, null), folder: stateDir };
  const open = await scenario?.open(context);
  await open?.run();
  await open?.close?.();
  return open;
}

describe('the ResNet-50 that is trained here', () => {
  it('has the sizes of the seed’s table', () => {
    const sizes = loadManifest()
      .builds.filter(({ family }) => family === FAMILY)
      .map((build) => [build.id, Math.round(sizeBytesOf(build) / MIB)]);
    expect(Object.fromEntries(sizes)).toEqual({
      [`${FAMILY}-fp32`]: 154,
      [`${FAMILY}-fp16`]: 77,
      [INT8]: 39,
      [`${INT8}-qat`]: 39,
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
    const open = await benched(await openerFor({}));
    expect(open).toMatchObject({ precision: 'int8', batch: 8 });
    expect(open).not.toHaveProperty('note');
  }, 60_000);
});

describe('a ResNet-50 without trained weights', () => {
  let dir: string;
  beforeAll(() => {
    dir = join(stateDir, 'models-untrained');
    mkdirSync(dir);
    for (const folder of ['fp32', 'fp32-x86', 'int8']) {
      symlinkSync(join(shippedModels(), folder), join(dir, folder));
    }
    const builds = loadManifest().builds.map((build) =>
      build.family === FAMILY ? { ...build, weights: 'untrained' } : build,
    );
    writeFileSync(join(dir, 'manifest.json'), JSON.stringify({ schema: 1, builds }));
  });

  it('is refused by the daemon, with the reason, and never chosen', async () => {
    const asked = await openerFor({ build: INT8 }, dir);
    await expect(asked.open('recogniser')).rejects.toMatchObject({
      code: 'MODEL',
      message: `the build ${INT8} cannot be used: its weights are not trained yet: it would name people at random`,
      hint: expect.stringContaining('set the build to auto'),
    });
    const { candidates, rejected } = (await openerFor({}, dir)).rank('recogniser');
    expect(candidates.map(({ build }) => build.id)).not.toContain(INT8);
    expect(rejected.map(({ id }) => id)).toContain(INT8);
  });

  it('runs in the bench, which says that it is there for speed only', async () => {
    expect(await benched(await openerFor({}, dir))).toMatchObject({
      precision: 'int8',
      batch: 8,
      note: 'weights not trained: speed only',
    });
  }, 60_000);
});
