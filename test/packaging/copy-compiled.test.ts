import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compiledPath } from '../compiled.js';

const SCRIPT = join(import.meta.dirname, '../../packaging/copy-compiled');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-copy-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function copy(dist: string) {
  const { status, stderr } = spawnSync(SCRIPT, [dist, join(folder, 'copy')], { encoding: 'utf8' });
  return { status, stderr };
}

describe('the compiled program in a package', () => {
  it('has all that it imports, and nothing that only its makers run', () => {
    expect(copy(compiledPath(''))).toEqual({ status: 0, stderr: '' });
    expect(existsSync(join(folder, 'copy/cli/faceeval.js'))).toBe(true);
    for (const left of ['demo', 'faults', 'release', 'cli/soak.js', 'manual/main.js']) {
      expect([left, existsSync(join(folder, 'copy', left))]).toEqual([left, false]);
    }
  });

  it('is refused when something imports what is left out, now or later', () => {
    const dist = join(folder, 'dist');
    mkdirSync(join(dist, 'manual'), { recursive: true });
    writeFileSync(join(dist, 'a.js'), "import { x } from './faults/x.js';\n");
    writeFileSync(join(dist, 'b.js'), "const y = await import('./demo/y.js');\n");
    const { status, stderr } = copy(dist);
    expect(status).toBe(1);
    expect(stderr).toMatch(/copy\/a\.js imports \.\/faults\/x\.js, which is not in the package/);
    expect(stderr).toMatch(/copy\/b\.js imports \.\/demo\/y\.js, which is not in the package/);
  });
});
