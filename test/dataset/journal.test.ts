import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from '../../src/dataset/journal.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-journal-'));
  path = join(folder, 'deep/findings.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const entry = (n: number, value = `value ${n} ü`) => ({ path: `a/${n}.jpg`, stamp: '1 1', value });

describe('a journal', () => {
  it('recalls what was found of a file in the same state', async () => {
    const journal = await Journal.open<string>(path, 'm');
    journal.append([entry(1), entry(2)]);
    journal.append([entry(2, 'newer')]);
    journal.close();
    const again = await Journal.open<string>(path, 'm');
    expect(again.recall('a/1.jpg', '1 1')).toBe('value 1 ü');
    expect(again.recall('a/2.jpg', '1 1')).toBe('newer');
    expect(again.recall('a/2.jpg', '2 1')).toBeUndefined();
    expect(again.recall('a/3.jpg', '1 1')).toBeUndefined();
    again.close();
    expect(await Journal.methodOf(path)).toBe('m');
    expect(await Journal.methodOf(join(folder, 'none'))).toBeUndefined();
  });

  it('forgets what it is told to', async () => {
    const journal = await Journal.open<string>(path, 'm');
    journal.append([entry(1), entry(2)]);
    journal.forget(['a/1.jpg']);
    expect(journal.entries()).toEqual([entry(2)]);
    journal.close();
    const again = await Journal.open<string>(path, 'm');
    expect(again.entries()).toEqual([entry(2)]);
    again.append([entry(1)]);
    again.close();
    const third = await Journal.open<string>(path, 'm');
    expect(third.recall('a/1.jpg', '1 1')).toBe('value 1 ü');
    third.close();
  });

  it('is begun anew when things are found in another way', async () => {
    const journal = await Journal.open<string>(path, 'm');
    journal.append([entry(1)]);
    journal.close();
    const other = await Journal.open<string>(path, 'n');
    expect(other.recall('a/1.jpg', '1 1')).toBeUndefined();
    other.close();
    expect(readFileSync(path, 'utf8')).toBe('{"method":"n"}\n');
  });

  it('goes on after a cut at any byte, and loses no whole line', async () => {
    const first = await Journal.open<string>(path, 'm');
    first.append([entry(1), entry(2), entry(3)]);
    first.close();
    const whole = readFileSync(path);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), async (bytes) => {
        writeFileSync(path, whole);
        truncateSync(path, bytes);
        const cut = await Journal.open<string>(path, 'm');
        cut.append([entry(4)]);
        cut.close();
        const again = await Journal.open<string>(path, 'm');
        const text = whole.subarray(0, bytes).toString('latin1');
        const lines = Math.max(0, text.split('\n').length - 2);
        for (let n = 1; n <= lines; n++) {
          expect(again.recall(`a/${n}.jpg`, '1 1')).toBe(`value ${n} ü`);
        }
        expect(again.recall('a/4.jpg', '1 1')).toBe('value 4 ü');
        again.close();
        for (const line of readFileSync(path, 'utf8').trim().split('\n')) JSON.parse(line);
      }),
      { numRuns: 60 },
    );
  });
});
