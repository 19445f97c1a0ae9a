import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs, { type Argv } from 'yargs';
import { hideBin } from 'yargs/helpers';
import { FaceEvalError } from '../domain/errors.js';
import { refuseMistakes } from './command-line.js';
import { endQuietlyOnClosedPipe, note } from './output.js';
import { endProgress } from './progress.js';
import { reportFailure } from './run-cli.js';

/** Exit code of a tool that found what it looked for. */
export const EXIT_FOUND = 1;

/** A program of this repository's own, started as `npm run NAME -- …`. */
export interface Tool<T> {
  readonly name: string;
  readonly usage: string;
  readonly declare: (yargs: Argv) => Argv<T>;
  /** @returns Exit code. */
  readonly run: (options: T) => Promise<number>;
}

/** Parses the command line, runs the tool and sets the exit code. */
export async function runTool<T>({ name, usage, declare, run }: Tool<T>): Promise<void> {
  endQuietlyOnClosedPipe();
  try {
    const parser = yargs(hideBin(process.argv)).scriptName(`npm run ${name} --`).locale('en');
    const declared = declare(parser.usage(usage)).version(false);
    const args = await refuseMistakes(
      declared,
      (message) => new FaceEvalError('USAGE', message),
    ).parseAsync();
    process.exitCode = (args as { help?: unknown }).help === true ? 0 : await run(args as T);
  } catch (error) {
    endProgress();
    process.exitCode = reportFailure(error, false, name);
  }
}

/**
 * Runs with a folder of its own, which is kept when it was asked for or when the run was not good.
 *
 * @param parent Where to make it and keep it, made too if need be; the system's folder for temporary
 *   files when absent.
 */
export async function inScratchFolder<R>(
  name: string,
  parent: string | undefined,
  run: (dir: string) => Promise<{ readonly good: boolean; readonly result: R }>,
): Promise<{ readonly good: boolean; readonly result: R }> {
  if (parent !== undefined) await mkdir(parent, { recursive: true });
  const dir = await mkdtemp(join(parent ?? tmpdir(), `faceeval-${name}-`));
  let good = false;
  try {
    const outcome = await run(dir);
    good = outcome.good;
    return outcome;
  } finally {
    if (good && parent === undefined) await rm(dir, { recursive: true, force: true });
    else note(`everything is kept in ${dir}`);
  }
}
