import yargs, { type Argv } from 'yargs';
import { FaceEvalError } from '../domain/errors.js';
import { programVersion } from '../domain/version.js';
import { refuseMistakes } from './command-line.js';

/** Options of `faceeval-bench`. */
export async function parseBenchArguments(words: readonly string[]) {
  const declared = declareBenchOptions(yargs([...words]))
    .scriptName('faceeval-bench')
    .locale('en')
    .usage('$0: measures models and pipeline on this device, beside the seed’s published table')
    .version(programVersion())
    .wrap(Math.min(100, process.stdout.columns ?? 100));
  return refuseMistakes(
    declared,
    (message) =>
      new FaceEvalError('USAGE', message, { hint: '`faceeval-bench --help` shows the options' }),
  ).parseAsync();
}

/** Declares the options; the manual lists them from here as well. */
export function declareBenchOptions(yargs: Argv) {
  return yargs
    .option('quick', { type: 'boolean', default: false, describe: 'The main rows, below 30 s' })
    .option('only', {
      requiresArg: true,
      type: 'string',
      array: true,
      default: [] as string[],
      describe: 'Rows whose id contains one of these texts',
    })
    .option('threads', {
      requiresArg: true,
      type: 'number',
      default: 0,
      describe: 'Threads of a run; 0 for what the daemon would take',
    })
    .option('providers', {
      requiresArg: true,
      choices: ['tensorrt', 'cuda', 'cpu'] as const,
      array: true,
      describe: 'Execution providers in order, instead of the device’s own',
    })
    .option('models', { type: 'string', requiresArg: true, describe: 'Folder of manifest.json' })
    .option('json', { type: 'boolean', default: false, describe: 'Print the result as JSON' })
    .option('out', {
      type: 'string',
      requiresArg: true,
      describe: 'Also keep the JSON in this file',
    })
    .option('markdown', {
      type: 'string',
      requiresArg: true,
      describe: 'Also write a Markdown table to this file',
    })
    .option('svg', {
      type: 'string',
      requiresArg: true,
      describe: 'Also draw a chart into this file',
    })
    .option('compare', {
      type: 'string',
      array: true,
      nargs: 2,
      describe: 'Compare two kept results instead of measuring',
    })
    .option('page', {
      type: 'string',
      requiresArg: true,
      describe: 'Print docs/latency.md from the results of this folder instead of measuring',
    })
    .option('verbose', { type: 'boolean', default: false, describe: 'Print stack traces' })
    .example('$0 --quick', 'a first impression')
    .example('$0 --out bench/results/pi-5.json', 'keep the figures of this device')
    .example('$0 --compare before.json after.json', 'what a change did');
}
