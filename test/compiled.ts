import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = join(import.meta.dirname, '..');

/**
 * The compiled sources, which worker threads and child processes need. Each test file compiles into
 * a folder of its own, so that nothing runs from a folder that another one is writing.
 */
export class Compiled {
  readonly #folder = join(ROOT, 'out', `compiled-${process.pid}`);

  constructor() {
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    const args = ['-p', 'tsconfig.build.json', '--outDir', this.#folder, '--sourceMap', 'false'];
    const { stdout } = spawnSync(tsc, args, { cwd: ROOT, encoding: 'utf8' });
    if (!existsSync(this.#folder)) throw new Error(`tsc made nothing: ${stdout}`);
  }

  /** Path of a compiled file, given as its path under src, with .js. */
  path(file: string): string {
    return join(this.#folder, file);
  }

  /** A module of the sources, in its compiled form. */
  async module<T>(file: string): Promise<T> {
    return (await import(pathToFileURL(this.path(file)).href)) as T;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
