import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { takeSetLock } from '../../src/dataset/set-lock.js';

let folder: string;
let lock: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-lock-'));
  lock = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const take = () => takeSetLock(lock, 'the set');
const HELD = /another command works on the set \(process \d+\)/;

/** What this process writes into a lock, with something changed. */
function lockOf(changes: object): void {
  take()();
  const release = take();
  const mine = JSON.parse(readFileSync(lock, 'utf8')) as object;
  release();
  writeFileSync(lock, JSON.stringify({ ...mine, ...changes }));
}

describe('the lock of a set', () => {
  it('keeps a second command off until the first is done', () => {
    const release = take();
    expect(take).toThrow(HELD);
    release();
    take()();
  });

  it('that another process holds is kept while that lives, and no longer', async () => {
    const child = spawn('sleep', ['60']);
    try {
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1');
      lockOf({ pid: child.pid, start: stat.split(') ')[1]?.split(' ')[19] });
      expect(take).toThrow(HELD);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    take()();
  });

  it('is not held by a process that was given the same number later, as in a container', () => {
    lockOf({ start: '1' });
    take()();
  });

  it('does not outlive a restart of the machine', () => {
    lockOf({ boot: 'an earlier one' });
    take()();
  });

  it('of another container is held until that has been silent for two minutes', () => {
    lockOf({ space: 'pid:[1]' });
    expect(take).toThrow(HELD);
    const silent = new Date(Date.now() - 130_000);
    utimesSync(lock, silent, silent);
    take()();
  });

  it('says that its holder lives, so that another container can tell', () => {
    vi.useFakeTimers();
    const release = take();
    const silent = new Date(Date.now() - 130_000);
    utimesSync(lock, silent, silent);
    vi.advanceTimersByTime(10_000);
    vi.useRealTimers();
    expect(Date.now() - statSync(lock).mtimeMs).toBeLessThan(60_000);
    release();
  });

  it('is free when a kill came before anything was written, or an older version wrote it', () => {
    for (const text of ['', '{', String(process.pid)]) {
      writeFileSync(lock, text);
      take()();
    }
  });
});
