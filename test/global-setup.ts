import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Compiles the program once before any test: worker threads, child processes and the programs
 * themselves run in their compiled form, as they do for a user.
 */
export function setup(): void {
  const root = join(import.meta.dirname, '..');
  const { status, stdout } = spawnSync(
    join(root, 'node_modules/.bin/tsc'),
    ['-p', 'tsconfig.build.json'],
    { cwd: root, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the program does not compile:\n${stdout}`);
}
