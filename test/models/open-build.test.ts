import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { BuildOpener } from '../../src/models/open-build.js';
import { TuningMemory } from '../../src/models/tuning-memory.js';

const TINY = join(import.meta.dirname, '../fixtures/models/tiny.onnx');
const TINY_SHA256 = createHash('sha256').update(readFileSync(TINY)).digest('hex');

let folder: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-open-'));
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const entry = (id: string, over: Record<string, unknown> = {}) => ({
  id,
  role: 'recogniser',
  family: 'tiny',
  precision: 'fp32',
  files: [{ name: 'net', path: `${id}.onnx`, sha256: TINY_SHA256, bytes: 315 }],
  source: 'made by the test',
  licence: 'MIT',
  weights: 'trained',
  input: {},
  output: {},
  ...over,
});

function opener(builds: ReturnType<typeof entry>[], config: object = {}): Promise<BuildOpener> {
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ builds }));
  for (const { id } of builds) copyFileSync(TINY, join(folder, `${id}.onnx`));
  const settings = configSchema.parse({
    stateDir: join(folder, 'state'),
    models: { dir: folder },
    ...config,
  });
  return BuildOpener.create(settings, { onFallback: (what) => said.push(what) });
}

describe('opening builds', () => {
  it('gives sessions that run', async () => {
    const opened = await (await opener([entry('tiny')])).open('recogniser');
    expect(opened.provider).toBe('cpu');
    const { sum } = (await opened.sessions.net?.run({
      image: { data: Uint8Array.from([1, 2, 3]), dims: [1, 1, 1, 3] },
    })) ?? { sum: undefined };
    expect(sum?.data[0]).toBe(6);
    expect(said).toEqual([]);
    await opened.release();
  });

  it('lets the next build fall in for a damaged one, and says so once', async () => {
    const open = await opener([entry('good'), entry('brother')], {
      recogniser: { build: 'good' },
    });
    writeFileSync(join(folder, 'good.onnx'), 'damaged');
    for (let round = 0; round < 2; round++) {
      const opened = await open.open('recogniser');
      expect(opened.build.id).toBe('brother');
      expect(opened.reason).toContain('good was left out');
      await opened.release();
    }
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('checksum');
  });

  it('fails with every reason when none is left', async () => {
    const open = await opener([entry('one')]);
    writeFileSync(join(folder, 'one.onnx'), '');
    await expect(open.open('recogniser')).rejects.toMatchObject({
      code: 'MODEL',
      message: expect.stringMatching(/no recogniser could be loaded \(one: /),
    });
  });

  it('says when an asked provider is not there, and runs on the CPU', async () => {
    const open = await opener([entry('tiny')], {
      models: { dir: folder, providers: ['cuda'] },
    });
    const opened = await open.open('recogniser');
    expect(opened.provider).toBe('cpu');
    expect(said).toEqual([expect.stringMatching(/^the provider cuda cannot be used: ./)]);
    await opened.release();
  });

  it('works without a writable state folder, and says so', async () => {
    writeFileSync(join(folder, 'state'), 'a file');
    const open = await opener([entry('tiny')]);
    await (await open.open('recogniser')).release();
    expect(said).toEqual([expect.stringContaining('is not writable')]);
  });

  it('sets a build aside that ended the process twice while it was loaded', async () => {
    await crashedTwice('bad');
    const opened = await (await opener([entry('bad'), entry('good')])).open('recogniser');
    expect(opened.build.id).toBe('good');
    await opened.release();
  });

  it('says so when that build was asked for, and lets its brother fall in', async () => {
    await crashedTwice('bad');
    const open = await opener([entry('bad'), entry('good')], { recogniser: { build: 'bad' } });
    const opened = await open.open('recogniser');
    expect(opened.build.id).toBe('good');
    expect(opened.reason).toContain('bad was left out (set aside: it ended the process 2 times');
    expect(said).toEqual([expect.stringContaining('the build bad is set aside')]);
    await opened.release();
  });

  it('tries builds all the same that all ended the process, and forgives one that loads', async () => {
    await crashedTwice('bad');
    await (await (await opener([entry('bad')])).open('recogniser')).release();
    const { candidates, rejected } = (await opener([entry('bad'), entry('good')])).rank(
      'recogniser',
    );
    expect(candidates[0]?.build.id).toBe('bad');
    expect(rejected).toEqual([]);
  });

  it('prefers what tuning found, until a file changes', async () => {
    const builds = [entry('slow'), entry('fast')];
    const open = await opener(builds);
    const memory = new TuningMemory(join(folder, 'state/models'));
    memory.remember(open.manifest, open.device, {
      ...{ role: 'recogniser', id: 'fast', threads: 1, p50Ms: 1.5 },
    });
    expect(open.rank('recogniser').candidates[0]?.build.id).toBe('fast');
    const renamed = await opener([entry('slow'), entry('fast'), entry('new')]);
    expect(renamed.rank('recogniser').candidates[0]?.build.id).toBe('slow');
  });
});

/** As it is after the process crashed twice over the build. */
async function crashedTwice(id: string): Promise<void> {
  const { runtimeVersion } = await import('../../src/models/ort-runtime.js');
  await opener([entry(id)]);
  const key = [runtimeVersion(), TINY_SHA256.slice(0, 16)].join(' ');
  const record = { loading: null, crashes: [{ id, key, count: 2 }] };
  writeFileSync(join(folder, 'state/models/loading.json'), JSON.stringify(record));
}
