import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const SCRIPT = join(ROOT, 'packaging/production-modules.mjs');

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'faceeval-modules-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function writeLock(packages: object): string {
  const path = join(dir, 'lock.json');
  writeFileSync(path, JSON.stringify({ lockfileVersion: 3, packages }));
  return path;
}

const list = (lock: string): string[] =>
  execFileSync(process.execPath, [SCRIPT, lock], { encoding: 'utf8' }).trim().split('\n');

describe('the modules of a package', () => {
  it('follows dependencies to the nearest node_modules, and leaves development behind', () => {
    const lock = writeLock({
      '': { dependencies: { a: '1' }, devDependencies: { d: '1' } },
      'node_modules/a': { dependencies: { b: '2' } },
      'node_modules/a/node_modules/b': { dependencies: { c: '1' } },
      'node_modules/b': { dependencies: { old: '1' } },
      'node_modules/c': {},
      'node_modules/d': {},
      'node_modules/old': {},
    });
    expect(list(lock)).toEqual([
      'node_modules/a',
      'node_modules/a/node_modules/b',
      'node_modules/c',
    ]);
  });

  it('resolves inside scopes, survives circles and optional modules that are not there', () => {
    const lock = writeLock({
      '': { dependencies: { '@s/a': '1' } },
      'node_modules/@s/a': { dependencies: { b: '1' }, optionalDependencies: { gone: '1' } },
      'node_modules/b': { dependencies: { '@s/a': '1', '@types/node': '20' } },
    });
    expect(list(lock)).toEqual(['node_modules/@s/a', 'node_modules/b']);
  });

  it('refuses a lock file that lacks a dependency', () => {
    const lock = writeLock({ '': { dependencies: { a: '1' } } });
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT, lock], { encoding: 'utf8' });
    expect(status).not.toBe(0);
    expect(stderr).toContain('a, needed by the project, is not in the lock file');
  });

  it('names what runs, and no build tool, for the real lock file', () => {
    const modules = list(join(ROOT, 'package-lock.json'));
    expect(modules).toEqual(expect.arrayContaining(['node_modules/mqtt', 'node_modules/bindings']));
    expect(modules).toContain('node_modules/opencv4nodejs');
    expect(modules.filter((name) => /vitest|node-gyp|prebuild|typescript/.test(name))).toEqual([]);
  });
});
