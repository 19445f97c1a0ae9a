import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GraphCache, sweepGraphs } from '../../src/models/graph-cache.js';
import type { Provider } from '../../src/models/inference-session.js';
import { loadOrtSession } from '../../src/models/ort-session.js';

const TINY = join(import.meta.dirname, '../fixtures/models/tiny.onnx');
const CPU = { providers: ['cpu'] as const, threads: 1, spinning: 'run' as const };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-ort-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const picture = (bytes: number[], width: number) => ({
  data: Uint8Array.from(bytes),
  dims: [1, bytes.length / 3 / width, width, 3],
});

describe('a session of ONNX Runtime', () => {
  it('says what the graph declares', async () => {
    const session = await loadOrtSession(TINY, CPU);
    expect(session.inputs).toEqual([
      { name: 'image', type: 'uint8', shape: ['batch', 'height', 'width', 3] },
    ]);
    expect(session.outputs.map((output) => output.name)).toEqual(['sum', 'rows']);
    expect(session.provider).toBe('cpu');
    await session.release();
  });

  it('writes later runs of a shape into the buffer of the first', async () => {
    const session = await loadOrtSession(TINY, CPU);
    const first = await session.run({ image: picture([1, 2, 3, 4, 5, 6], 2) });
    expect([...(first.sum?.data ?? [])]).toEqual([6, 15]);
    expect(first.rows?.dims).toEqual([1, 1]);
    await session.run({ image: picture([0, 0, 1, 0, 0, 3], 2) });
    const third = await session.run({ image: picture([1, 1, 1, 2, 2, 2], 2) });
    expect([...(third.sum?.data ?? [])]).toEqual([3, 6]);
    expect([...(third.rows?.data ?? [])]).toEqual([4.5]);
    expect(third.sum?.data.buffer).toBe(first.sum?.data.buffer);
    await session.release();
  });

  it('keeps shapes apart, shorter and longer ones', async () => {
    const session = await loadOrtSession(TINY, CPU);
    const run = async (bytes: number[], width: number) => {
      const { sum } = await session.run({ image: picture(bytes, width) });
      return { data: [...(sum?.data ?? [])], dims: sum?.dims };
    };
    const long = [1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0];
    for (let round = 0; round < 3; round++) {
      expect(await run(long, 2)).toEqual({ data: [1, 2, 3, 4], dims: [1, 2, 2] });
      expect(await run([7, 0, 0], 1)).toEqual({ data: [7], dims: [1, 1, 1] });
      expect(await run(long, 4)).toEqual({ data: [1, 2, 3, 4], dims: [1, 1, 4] });
    }
    await session.release();
  });

  it('reads a view into a larger buffer where it lies', async () => {
    const session = await loadOrtSession(TINY, CPU);
    const data = Uint8Array.from([9, 9, 9, 1, 2, 3]).subarray(3);
    const { sum } = await session.run({ image: { data, dims: [1, 1, 1, 3] } });
    expect([...(sum?.data ?? [])]).toEqual([6]);
    await session.release();
  });

  it('refuses a missing input and a wrong shape with a MODEL error', async () => {
    const session = await loadOrtSession(TINY, CPU);
    await expect(session.run({})).rejects.toMatchObject({
      code: 'MODEL',
      message: expect.stringContaining('the input "image" is missing'),
    });
    const flat = { data: new Uint8Array(6), dims: [6] };
    await expect(session.run({ image: flat })).rejects.toMatchObject({ code: 'MODEL' });
    await session.release();
  });

  it('falls back to the next provider and says so once', async () => {
    const fallbacks: [Provider, string][] = [];
    const session = await loadOrtSession(TINY, {
      ...CPU,
      providers: ['tensorrt', 'cuda', 'cpu'],
      onFallback: (provider, reason) => fallbacks.push([provider, reason]),
    });
    expect(session.provider).toBe('cpu');
    expect(fallbacks.map(([provider]) => provider)).toEqual(['tensorrt', 'cuda']);
    expect(fallbacks.every(([, reason]) => reason.length > 0)).toBe(true);
    await session.release();
  });

  it('names the file that does not load', async () => {
    const path = join(folder, 'broken.onnx');
    writeFileSync(path, 'not a model');
    await expect(loadOrtSession(path, CPU)).rejects.toMatchObject({
      code: 'MODEL',
      message: expect.stringContaining(path),
      hint: expect.stringContaining('faceeval doctor'),
    });
  });
});

describe('the graph cache', () => {
  const sumOf = async (graphCache: GraphCache) => {
    const session = await loadOrtSession(TINY, { ...CPU, graphCache });
    const { sum } = await session.run({ image: picture([1, 2, 3], 1) });
    await session.release();
    return sum?.data[0];
  };

  it('keeps one file and loads it the next time', async () => {
    const cache = new GraphCache(join(folder, 'graphs'), 'a'.repeat(64));
    expect(await sumOf(cache)).toBe(6);
    expect(readdirSync(join(folder, 'graphs'))).toEqual([cache.path.split('/').at(-1)]);
    expect(await sumOf(cache)).toBe(6);
  });

  it('is made anew when it was cut short', async () => {
    const cache = new GraphCache(folder, 'a'.repeat(64));
    await sumOf(cache);
    truncateSync(cache.path, 20);
    expect(await sumOf(cache)).toBe(6);
    const { size } = await import('node:fs').then((fs) => fs.statSync(cache.path));
    expect(size).toBeGreaterThan(20);
  });

  it('has another file for another model', () => {
    const one = new GraphCache(folder, 'a'.repeat(64)).path;
    expect(new GraphCache(folder, 'b'.repeat(64)).path).not.toBe(one);
  });

  it('does without when the runtime cannot write the file, as on a full disk', async () => {
    const cache = new GraphCache(folder, 'a'.repeat(64));
    mkdirSync(`${cache.path}.${process.pid}.partial`);
    expect(await sumOf(cache)).toBe(6);
    expect(existsSync(cache.path)).toBe(false);
  });

  it('is swept of what nobody reads any more, and of nothing else', () => {
    const [used, old] = ['a', 'b'].map((c) => new GraphCache(folder, c.repeat(64)).path) as [
      string,
      string,
    ];
    const beside = join(folder, 'beside');
    mkdirSync(beside);
    writeFileSync(join(beside, 'notes.txt'), '');
    const link = old.replace(/.{4}\.onnx$/, '0000.onnx');
    symlinkSync(beside, link);
    const writing = `${old}.${process.ppid}.partial`;
    const dead = `${old}.4194305.partial`;
    for (const path of [used, old, writing, dead, join(folder, 'notes.txt')]) {
      writeFileSync(path, '');
    }
    sweepGraphs(folder, ['a'.repeat(64)]);
    const left = [used, writing, link, beside, join(folder, 'notes.txt')];
    expect(readdirSync(folder).sort()).toEqual(left.map((path) => basename(path)).sort());
    expect(readdirSync(beside)).toEqual(['notes.txt']);
  });

  it('does without when its folder cannot be made', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(await sumOf(new GraphCache(join(file, 'graphs'), 'a'.repeat(64)))).toBe(6);
  });
});
