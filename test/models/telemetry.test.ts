import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compiledPath } from '../compiled.js';

const ROOT = join(import.meta.dirname, '../..');
const TINY = join(ROOT, 'test/fixtures/models/tiny.onnx');

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'faceeval-telemetry-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('telemetry of ONNX Runtime', () => {
  // Where it is on, the library writes an id of the machine and what is to be sent below HOME.
  it('is off when a net is loaded and run', () => {
    const { href } = pathToFileURL(compiledPath('models/ort-session.js'));
    const program = `
      const { loadOrtSession } = await import(${JSON.stringify(href)});
      const settings = { providers: ['cpu'], threads: 1, spinning: 'run' };
      const session = await loadOrtSession(${JSON.stringify(TINY)}, settings);
      const image = { data: Uint8Array.from([1, 2, 3]), dims: [1, 1, 1, 3] };
      console.log((await session.run({ image })).sum.data[0]);
      await session.release();`;
    const sum = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      env: { PATH: process.env.PATH, HOME: home },
      encoding: 'utf8',
    });
    expect(sum).toBe('6\n');
    expect(readdirSync(home)).toEqual([]);
  });

  it.each(['systemd/faceeval.service', 'Containerfile'])('is off in %s', (file) => {
    expect(readFileSync(join(ROOT, file), 'utf8')).toContain('ORT_DISABLE_TELEMETRY=1');
  });
});
