import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** What scripts/cross-build/test would print and return for such steps. */
function run(script: string) {
  const prologue = 'set -euo pipefail; . scripts/cross-build/lib/steps.sh;';
  const { stdout, status } = spawnSync('bash', ['-c', `${prologue} ${script}`], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return {
    lines: stdout
      .trimEnd()
      .replace(/ +\d+ s /g, ' 0 s ')
      .split('\n'),
    status,
  };
}

describe('steps of a test', () => {
  it('fail when any command of theirs fails, not only the last', () => {
    const life = 'life() { step one bad; step two good; }';
    expect(
      run(`bad() { echo said; false; true; }; good() { note 3 MB; }; ${life}; life; finish`),
    ).toEqual({
      lines: [
        'FAIL 0 s  one',
        '              | said',
        'pass 0 s  two',
        '              3 MB',
        '1 passed, 1 failed',
      ],
      status: 1,
    });
  });

  it('end the test when one fails that others build on', () => {
    expect(run('needed_step one false; echo never')).toEqual({
      lines: ['FAIL 0 s  one', '0 passed, 1 failed'],
      status: 1,
    });
    expect(run('needed_step one true; finish').status).toBe(0);
  });
});
