import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { searchFiles } from '../../src/daemon/file-search.js';
import { stateFolder } from './state-folder.js';

const node = process.execPath;
afterEach(() => {
  process.execPath = node;
});

describe('searchFiles', () => {
  it('counts what is left, and passes over a file that is gone', async () => {
    const folder = stateFolder();
    const path = join(folder, 'copy.db');
    writeFileSync(path, 'Ann was here');
    const search = {
      paths: [path, join(folder, 'gone')],
      traces: [Buffer.from('Ann'), Buffer.from('Bea')],
    };
    expect(await searchFiles(search)).toEqual([{ path, sizeBytes: 12, traces: 1 }]);
  });

  it('fails, and ends nothing else, where no process can be had', async () => {
    process.execPath = '/nowhere/node';
    await expect(searchFiles({ paths: [], traces: [] })).rejects.toThrow(/ENOENT/);
    // What follows it must not reach the process as an error that nobody awaits.
    await new Promise((resolve) => setImmediate(resolve));
  });
});
