import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runPool } from '../../src/dataset/worker-pool.js';
import { FaceEvalError } from '../../src/domain/errors.js';
import { compiledPath } from '../compiled.js';

const MODULE = join(import.meta.dirname, 'crashing-worker.mjs');

type Item = number | 'crash' | 'throw' | 'full';
interface Doubled {
  readonly doubled: number;
  readonly pid: number;
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-pool-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(
  items: readonly Item[],
  options: { setup?: object; signal?: AbortSignal; onResults?: (done: number) => void } = {},
) {
  const doubled = new Map<Item, number>();
  const told: Item[] = [];
  const fatal: { item: Item; reason: string }[] = [];
  const pids = new Set<number>();
  await runPool<object, Item, Doubled>({
    module: MODULE,
    setup: () => ({
      module: compiledPath('dataset/worker.js'),
      errors: compiledPath('domain/errors.js'),
      ...options.setup,
    }),
    items,
    workers: 2,
    batchSize: 4,
    folder,
    onResults: (some, results) => {
      told.push(...some);
      for (const [index, item] of some.entries()) {
        doubled.set(item, results[index]?.doubled as number);
        pids.add(results[index]?.pid as number);
      }
      options.onResults?.(told.length);
    },
    onFatal: (item, reason) => fatal.push({ item, reason }),
    ...(options.signal !== undefined && { signal: options.signal }),
  });
  return { doubled, told, fatal, pids };
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a pool of processes', () => {
  it('works on every item once, in processes that are gone afterwards', async () => {
    const items = Array.from({ length: 41 }, (_, n) => n);
    const { doubled, told, fatal, pids } = await run(items);
    expect(told.toSorted((a, b) => Number(a) - Number(b))).toEqual(items);
    for (const item of items) expect(doubled.get(item)).toBe(item * 2);
    expect(fatal).toEqual([]);
    expect([...pids].filter(isAlive)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('loses only the item that ends its process, and says how it ended', async () => {
    const items: Item[] = [0, 1, 'crash', 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    const { told, fatal, pids } = await run(items);
    expect(told.toSorted((a, b) => Number(a) - Number(b))).toEqual(
      items.filter((item) => item !== 'crash'),
    );
    expect(fatal).toEqual([
      { item: 'crash', reason: 'the process ended (SIGSEGV): something native broke' },
    ]);
    expect(pids.size).toBeGreaterThan(1);
  });

  it('loses only the item that throws, and keeps its process', async () => {
    const items: Item[] = [0, 1, 2, 3, 4, 'throw', 6, 7];
    const { told, fatal, pids } = await run(items);
    expect(told).toHaveLength(7);
    expect(fatal).toEqual([{ item: 'throw', reason: 'an odd picture' }]);
    expect(pids.size).toBeLessThanOrEqual(2);
  });

  it('ends when the disk is full: no other item would fare better', async () => {
    const failure = await run([0, 'full', 2]).catch((error) => error);
    expect(failure).toMatchObject({ code: 'STORE', message: 'the disk is full' });
  });

  it('ends with the error of the set-up', async () => {
    await expect(run([1], { setup: { fail: true } })).rejects.toThrow('the models are not there');
  });

  it('gives up when processes end before they do anything', async () => {
    const failure = await run([1], { setup: { crashAtStart: true } }).catch((error) => error);
    expect(failure).toBeInstanceOf(FaceEvalError);
    expect(failure).toMatchObject({ code: 'VISION', hint: expect.stringContaining('doctor') });
  });

  it('stops when it is told to, and leaves no process behind', async () => {
    const controller = new AbortController();
    let done = 0;
    const items = Array.from({ length: 400 }, (_, n) => n);
    const stopped = run(items, {
      setup: { delayMs: 5 },
      signal: controller.signal,
      onResults: (count) => {
        done = count;
        controller.abort(new Error('enough'));
      },
    });
    await expect(stopped).rejects.toThrow('enough');
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(400);
    expect(existsSync(join(folder, 'worker-1.stderr'))).toBe(false);
  });

  it('has nothing to do for no items', async () => {
    expect((await run([])).told).toEqual([]);
  });
});
