import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { StoreProblems } from '../../src/daemon/store-problems.js';
import { storeError } from '../../src/domain/store-error.js';
import { mountedFolder, openState } from './state-folder.js';

const WHAT = 'hits cannot be recorded';

describe('StoreProblems', () => {
  it('notices that there is room again, though nobody becomes a hit', async (context) => {
    const folder = mountedFolder(1_000_000);
    if (folder === undefined) return context.skip('mounting needs root');
    const db = await openState(folder);
    const log = pino({ level: 'silent' });
    const info = vi.spyOn(log, 'info');
    const problems = new StoreProblems(log, () => db);
    problems.retry(WHAT);
    const filler = join(folder, 'filler');
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(filler, Buffer.alloc((bavail - 2) * bsize));
    const write = () => db.exec("INSERT INTO settings VALUES ('large', hex(zeroblob(9000)))");
    let met: unknown;
    try {
      write();
    } catch (error) {
      met = error;
    }
    problems.report(WHAT, storeError('a hit cannot be written', met));
    problems.retry(WHAT);
    expect(problems.current()).toEqual([expect.stringMatching(/disk is full/)]);
    rmSync(filler);
    problems.retry(WHAT);
    expect(problems.current()).toEqual([]);
    expect(info).toHaveBeenCalledWith({}, `over: ${WHAT}`);
    expect(db.prepare("SELECT key FROM settings WHERE key = 'probe'").all()).toEqual([]);
  });

  it('tries nothing for what has another reason', async () => {
    const db = await openState();
    const problems = new StoreProblems(pino({ level: 'silent' }), () => db);
    problems.report(WHAT, new Error('odd'));
    problems.retry(WHAT);
    expect(problems.current()).toEqual([`${WHAT}: odd`]);
    problems.attempt(WHAT, () => {});
    expect(problems.current()).toEqual([]);
    problems.attempt(WHAT, () => {
      throw new Error('again');
    });
    expect(problems.current()).toEqual([`${WHAT}: again`]);
  });
});
