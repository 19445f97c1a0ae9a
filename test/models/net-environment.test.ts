import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { netEnvironment } from '../../src/models/net-environment.js';

const HUGE = 2 * 1024 ** 2;

describe('the environment of a process that runs nets', () => {
  it('asks for few arenas and huge pages, and keeps what was set', () => {
    const inherited = { PATH: '/bin', GLIBC_TUNABLES: 'glibc.malloc.check=0' };
    expect(netEnvironment(inherited, HUGE)).toEqual({
      PATH: '/bin',
      MALLOC_ARENA_MAX: '2',
      GLIBC_TUNABLES: 'glibc.malloc.check=0:glibc.malloc.hugetlb=1',
    });
    expect(netEnvironment({}, HUGE).GLIBC_TUNABLES).toBe('glibc.malloc.hugetlb=1');
  });

  it.each([
    ['of 32 MB, which would lie empty', 32 * 1024 ** 2],
    ['that the kernel does not have', Number.NaN],
  ])('asks for no pages %s', (_, bytes) => {
    expect(netEnvironment({}, bytes)).toEqual({ MALLOC_ARENA_MAX: '2' });
  });

  it.skipIf(!givesOnRequest())('has a large block marked for them (needs madvise)', () => {
    const marked = (env: NodeJS.ProcessEnv): string =>
      execFileSync(process.execPath, ['-e', LOOK_FOR_MARK], { env, encoding: 'utf8' });
    expect(marked(netEnvironment(process.env, HUGE))).toBe('true');
    expect(marked(netEnvironment(process.env, Number.NaN))).toBe('false');
  });
});

/** Whether the kernel gives huge pages to those who ask, and to nobody else. */
function givesOnRequest(): boolean {
  const path = '/sys/kernel/mm/transparent_hugepage/enabled';
  return existsSync(path) && readFileSync(path, 'utf8').includes('[madvise]');
}

/** Prints whether memory of the process is marked for huge pages: `hg` among a mapping's flags. */
const LOOK_FOR_MARK = `
  globalThis.block = Buffer.alloc(${32 * HUGE}, 1);
  const maps = require('node:fs').readFileSync('/proc/self/smaps', 'utf8');
  process.stdout.write(String(/^VmFlags:.* hg/m.test(maps)));
`;
