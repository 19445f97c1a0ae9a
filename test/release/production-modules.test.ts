import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type LockedPackages,
  packageIn,
  productionModules,
  readLock,
} from '../../src/release/production-modules.js';

const LOCK = join(import.meta.dirname, '../../package-lock.json');

/** A lock file's packages; what a package does not say is empty. */
function locked(packages: Record<string, Partial<LockedPackages[string]>>): LockedPackages {
  return Object.fromEntries(
    Object.entries(packages).map(([folder, said]) => [
      folder,
      { dependencies: {}, optionalDependencies: {}, ...said },
    ]),
  );
}

describe('the modules that running needs', () => {
  it('are reached through the nearest node_modules, from what is no development dependency', () => {
    const packages = locked({
      '': { dependencies: { a: '1' } },
      'node_modules/a': { dependencies: { b: '2' } },
      'node_modules/a/node_modules/b': { dependencies: { c: '1' } },
      'node_modules/b': { dependencies: { old: '1' } },
      'node_modules/c': {},
      'node_modules/d': {},
      'node_modules/old': {},
    });
    expect(productionModules(packages)).toEqual([
      'node_modules/a',
      'node_modules/a/node_modules/b',
      'node_modules/c',
    ]);
  });

  it('are found inside scopes and circles, and optional ones may be absent', () => {
    const packages = locked({
      '': { dependencies: { '@s/a': '1' } },
      'node_modules/@s/a': { dependencies: { b: '1' }, optionalDependencies: { gone: '1' } },
      'node_modules/b': { dependencies: { '@s/a': '1', '@types/node': '20' } },
    });
    expect(productionModules(packages)).toEqual(['node_modules/@s/a', 'node_modules/b']);
  });

  it('are refused when the lock file lacks one', () => {
    const packages = locked({ '': { dependencies: { a: '1' } } });
    expect(() => productionModules(packages)).toThrow(
      'a, needed by the project, is not in the lock file',
    );
  });

  it('are no build tools in the real lock file', () => {
    const modules = productionModules(readLock(LOCK));
    expect(modules).toEqual(expect.arrayContaining(['node_modules/mqtt', 'node_modules/bindings']));
    expect(modules).toContain('node_modules/opencv4nodejs');
    expect(modules.filter((name) => /vitest|node-gyp|prebuild|typescript/.test(name))).toEqual([]);
  });

  it('have the name of their author, also where they lie under another', () => {
    const packages = readLock(LOCK);
    expect(packageIn(packages, 'node_modules/opencv4nodejs')).toMatch(/^@u4\/opencv4nodejs@\d/);
    expect(packageIn(packages, 'node_modules/zod')).toMatch(/^zod@\d/);
  });
});
