import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChoiceOptions, rankBuilds } from '../../src/models/build-choice.js';
import { detectDevice } from '../../src/models/device.js';
import type { Build, Manifest } from '../../src/models/manifest.js';
import { boardProbe } from './board-fixture.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-choice-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function build(id: string, over: Partial<Build> = {}): Build {
  const precision = id.split('-').at(-1) as Build['precision'];
  const path = `${precision}/${id}.onnx`;
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), '');
  return {
    id,
    role: 'recogniser',
    family: id.split('-')[0] as string,
    precision,
    files: [{ name: 'net', path, sha256: '0'.repeat(64), bytes: 1 }],
    source: 'test',
    licence: 'MIT',
    weights: 'trained',
    input: {},
    output: {},
    preferredOn: [],
    ...over,
  };
}

const choose = (
  board: string,
  builds: readonly Build[],
  options: Partial<ChoiceOptions> = {},
  role: Build['role'] = 'recogniser',
) => {
  const manifest: Manifest = { folder, builds };
  const device = detectDevice(boardProbe(board));
  return rankBuilds(manifest, role, device, { requested: 'auto', threads: 0, ...options });
};

describe('the rule', () => {
  it.each([
    ['pi-3b', 'r50-int8', ['cpu'], /signed 8-bit/],
    ['pi-zero-2-w', 'r50-int8', ['cpu'], /signed 8-bit/],
    ['pi-4b', 'r50-int8', ['cpu'], /signed 8-bit/],
    ['cm4', 'r50-int8', ['cpu'], /signed 8-bit/],
    ['pi-5', 'r50-int8', ['cpu'], /asimddp/],
    ['jetson-nano', 'r50-fp16', ['tensorrt', 'cuda', 'cpu'], /no 8-bit kernels/],
    ['jetson-nano-cpu-runtime', 'r50-int8', ['cpu'], /signed 8-bit/],
    ['jetson-tx2', 'r50-fp16', ['tensorrt', 'cuda', 'cpu'], /no 8-bit kernels/],
    ['jetson-xavier-nx', 'r50-fp16', ['tensorrt', 'cuda', 'cpu'], /in FP16.*zero points/],
    ['jetson-orin-nano', 'r50-fp16', ['tensorrt', 'cuda', 'cpu'], /in FP16.*zero points/],
    ['rock-5b', 'r50-int8', ['cpu'], /asimddp/],
    ['arm-unknown', 'r50-int8', ['cpu'], /signed 8-bit/],
    ['x86-avx512-vnni', 'r50-int8', ['cpu'], /avx512_vnni/],
    ['x86-avx-vnni', 'r50-int8', ['cpu'], /avx_vnni/],
    ['x86-no-vnni', 'r50-fp32', ['cpu'], /without VNNI/],
    ['x86-gpu', 'r50-fp16', ['tensorrt', 'cuda', 'cpu'], /in FP16.*zero points/],
    ['x86-gpu-runtime-no-gpu', 'r50-fp32', ['cpu'], /without VNNI/],
  ])('on %s chooses %s', (board, id, providers, reason) => {
    const ranking = choose(
      board,
      ['r50-fp32', 'r50-int8', 'r50-fp16'].map((name) => build(name)),
    );
    const [first] = ranking.candidates;
    expect(first?.build.id).toBe(id);
    expect(first?.providers).toEqual(providers);
    expect(first?.reason).toMatch(reason);
  });

  it('leaves FP16 out where no GPU provider is', () => {
    const { rejected } = choose('pi-5', [build('r50-fp16'), build('r50-fp32')]);
    expect(rejected).toEqual([{ id: 'r50-fp16', reason: expect.stringContaining('GPU') }]);
  });

  it('takes the family that the manifest lists first', () => {
    const builds = [build('r50-fp32'), build('mbf-int8'), build('mbf-fp32')];
    expect(choose('pi-5', builds).candidates.map((c) => c.build.id)).toEqual([
      'r50-fp32',
      'mbf-int8',
      'mbf-fp32',
    ]);
  });

  it.each([
    ['x86-avx512-vnni', 'mbf-x86-fp32'],
    ['x86-no-vnni', 'mbf-x86-fp32'],
    ['pi-zero-2-w', 'mbf-zero-fp32'],
    ['pi-5', 'mbf-int8'],
  ])('lets the manifest prefer a build within its family: on %s %s', (board, id) => {
    const builds = [
      build('mbf-int8'),
      build('mbf-x86-fp32', { preferredOn: ['x86-64'] }),
      build('mbf-zero-fp32', { preferredOn: ['pi-zero-2'] }),
      build('tiny-fp32', { preferredOn: ['x86-64', 'pi-zero-2', 'pi-5'] }),
    ];
    expect(choose(board, builds).candidates[0]?.build.id).toBe(id);
  });

  it('takes a plain build before one that is made for another place', () => {
    const builds = [build('mbf-x86-fp32', { preferredOn: ['x86-64'] }), build('mbf-fp32')];
    expect(choose('pi-4b', builds).candidates[0]?.build.id).toBe('mbf-fp32');
  });

  it('gives the detector no TensorRT, since its inputs change size', () => {
    const builds = [build('mtcnn-fp32', { role: 'detector' })];
    const [first] = choose('jetson-nano', builds, {}, 'detector').candidates;
    expect(first?.providers).toEqual(['cuda', 'cpu']);
  });

  it.each([
    ['pi-4b', 3],
    ['jetson-orin-nano', 4],
    ['x86-avx512-vnni', 4],
  ])('leaves a core to capture: %s runs with %i threads', (board, threads) => {
    expect(choose(board, [build('r50-fp32')]).candidates[0]?.threads).toBe(threads);
  });
});

describe('what overrides the rule', () => {
  const builds = () => [build('r50-fp32'), build('r50-int8'), build('mbf-fp32')];

  it('the configuration, with brothers of the family to fall back on', () => {
    const { candidates } = choose('pi-5', [build('mbf-int8'), ...builds()], {
      requested: 'r50-fp32',
      threads: 1,
      providers: ['cuda'],
    });
    expect(candidates.map((c) => c.build.id)).toEqual([
      'r50-fp32',
      'r50-int8',
      'mbf-int8',
      'mbf-fp32',
    ]);
    expect(candidates[0]).toMatchObject({ threads: 1, providers: ['cuda', 'cpu'] });
    expect(candidates[0]?.reason).toBe('named in the configuration');
  });

  it('what was measured here', () => {
    const tuned = { id: 'r50-fp32', threads: 1, p50Ms: 12.34 };
    const [first, second] = choose('pi-5', builds(), { tuned }).candidates;
    expect(first).toMatchObject({ build: { id: 'r50-fp32' }, threads: 1 });
    expect(first?.reason).toContain('12.3 ms');
    expect(second?.threads).toBe(3);
    expect(choose('pi-5', builds(), { tuned, threads: 4 }).candidates[0]?.threads).toBe(4);
  });

  it('a build that ended the process before', () => {
    const { candidates, rejected } = choose('pi-5', builds(), {
      crashes: new Map([['r50-int8', 2]]),
    });
    expect(candidates[0]?.build.id).toBe('r50-fp32');
    expect(rejected[0]).toEqual({
      id: 'r50-int8',
      reason: 'set aside: it ended the process 2 times while it was loaded',
    });
  });

  it('a build that was asked for and ended the process: its brother falls in', () => {
    const crashes = new Map([['r50-int8', 2]]);
    const { candidates } = choose('pi-5', builds(), { requested: 'r50-int8', crashes });
    expect(candidates[0]?.build.id).toBe('r50-fp32');
  });

  it('builds that all ended the process, the one that did so least often first', () => {
    const crashes = new Map(builds().map(({ id }, index) => [id, index === 1 ? 2 : 3]));
    const { candidates } = choose('pi-5', builds(), { crashes });
    expect(candidates).toHaveLength(builds().length);
    expect(candidates[0]?.build.id).toBe(builds()[1]?.id);
  });
});

describe('what is refused', () => {
  it('untrained weights, unless the bench asks', () => {
    const builds = [build('r50-int8', { weights: 'untrained' }), build('mbf-fp32')];
    expect(choose('pi-5', builds).candidates.map((c) => c.build.id)).toEqual(['mbf-fp32']);
    expect(choose('pi-5', builds, { allowUntrained: true }).candidates).toHaveLength(2);
    expect(() => choose('pi-5', builds, { requested: 'r50-int8' })).toThrow(
      /r50-int8 cannot be used: its weights are not trained yet/,
    );
  });

  it('a build whose file is not installed', () => {
    const gone = build('r50-int8', {
      files: [{ name: 'net', path: 'int8/gone.onnx', sha256: '0'.repeat(64), bytes: 1 }],
    });
    expect(choose('pi-5', [gone, build('r50-fp32')]).rejected[0]?.reason).toBe(
      'int8/gone.onnx is not installed',
    );
  });

  it('an id that does not exist, with the nearest one', () => {
    expect(() => choose('pi-5', [build('r50-int8')], { requested: 'r50-int4' })).toThrow(
      'there is no build "r50-int4"; did you mean r50-int8?',
    );
  });

  it('everything, with each reason', () => {
    const builds = [build('r50-fp16'), build('r50-fp32', { weights: 'untrained' })];
    expect(() => choose('pi-5', builds)).toThrow(
      /no recogniser can run here \(r50-fp16: FP16.*; r50-fp32: its weights/,
    );
  });
});
