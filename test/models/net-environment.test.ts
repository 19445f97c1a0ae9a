import { execFileSync } from 'node:child_process';
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

  it('is one that programs start in', () => {
    const output = execFileSync(process.execPath, ['-p', '6 * 7'], {
      env: netEnvironment(process.env, HUGE),
      encoding: 'utf8',
    });
    expect(output).toBe('42\n');
  });
});
