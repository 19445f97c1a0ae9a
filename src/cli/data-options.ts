import type { Argv } from 'yargs';
import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { defaultWorkers } from '../dataset/face-models.js';
import { note } from './output.js';
import { startProgress } from './progress.js';
import { stoppable } from './stoppable.js';
import { requireWhole } from './whole-number.js';

/** Declares what every command takes that looks at faces. */
export function declareFaceOptions<T>(yargs: Argv<T>) {
  return yargs
    .option('jobs', {
      type: 'number',
      requiresArg: true,
      describe: 'Processes to work with; one a core when absent',
    })
    .option('min-face', {
      type: 'number',
      requiresArg: true,
      describe: 'Smallest face in pixels; detector.minFacePx of the configuration when absent',
    });
}

/** The set, as every data command takes it. */
export function declareSet<T>(yargs: Argv<T>) {
  return yargs.positional('set', {
    type: 'string',
    demandOption: true,
    describe: 'Folder of the set: <set>/<identity>/<n>.jpg',
  });
}

/** Tells of images that were to be moved or copied and could not be found. */
export function noteNotMoved(paths: readonly string[]): void {
  for (const path of paths) note(`left out, nothing is found under this name: ${path}`);
}

/** What a command that looks at faces needs to run. */
export interface FaceRun {
  readonly config: Config;
  readonly workers: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
  readonly onNote: (what: string) => void;
}

/**
 * Runs a command that looks at faces, with a progress bar, until it is done or stopped.
 *
 * @returns The exit code.
 */
export function runOnFaces(
  options: {
    readonly config?: string | undefined;
    readonly jobs?: number | undefined;
    readonly minFace?: number | undefined;
  },
  run: (prepared: FaceRun) => Promise<number>,
): Promise<number> {
  const { config: path, jobs = defaultWorkers(), minFace } = options;
  requireWhole('jobs', jobs, 1);
  if (minFace !== undefined) requireWhole('min-face', minFace, 12);
  const { config } = loadConfig({ path });
  const { detector } = config;
  let progress: ((done: number) => void) | undefined;
  let endOfBar = 0;
  return stoppable(async (signal) => {
    const work = run({
      config: { ...config, detector: { ...detector, minFacePx: minFace ?? detector.minFacePx } },
      workers: jobs,
      signal,
      onProgress: (done, total) => {
        progress ??= startProgress('images', total);
        endOfBar = total;
        progress(done);
      },
      onNote: note,
    });
    // An error must not leave a bar, and a terminal without its cursor.
    return work.finally(() => progress?.(endOfBar));
  });
}
