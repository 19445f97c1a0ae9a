import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Compiles the program once before any test: worker threads, child processes and the programs
 * themselves run in their compiled form, as they do for a user.
 *
 * @returns Deletes all temporary files of the tests and of what they started.
 */
export function setup(): () => void {
  const root = join(import.meta.dirname, '..');
  const { status, stdout } = spawnSync(
    join(root, 'node_modules/.bin/tsc'),
    ['-p', 'tsconfig.build.json'],
    { cwd: root, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the program does not compile:\n${stdout}`);
  const folder = mkdtempSync(join(tmpdir(), 'faceeval-tests-'));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
