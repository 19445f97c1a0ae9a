#!/usr/bin/env node
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import type { KillReport } from '../faults/kill-audit.js';
import { runKillTorture } from '../faults/kill-torture.js';
import { FaceEvalError } from '../domain/errors.js';
import { endQuietlyOnClosedPipe, note, print, printJson } from './output.js';
import { startProgress } from './progress.js';
import { reportFailure } from './run-cli.js';

/** Exit code when something was lost, doubled or damaged. */
const EXIT_FOUND = 1;

async function main(words: readonly string[]): Promise<number> {
  const args = await yargs([...words])
    .scriptName('npm run faults --')
    .locale('en')
    .usage('$0: kills (SIGKILL) a process that records hits, and counts what is missing or double')
    .option('kills', { type: 'number', default: 100, describe: 'How often' })
    .option('dir', {
      type: 'string',
      describe: 'Make the database in this folder, to try a certain disk, and keep it',
    })
    .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
    .strict()
    .exitProcess(false)
    .fail((message: string | null, error: unknown) => {
      throw error ?? new FaceEvalError('USAGE', message ?? 'the command line is not understood');
    })
    .parseAsync();
  if (args.help === true || args.version === true) return 0;
  const { kills, dir, json } = args;
  if (!Number.isInteger(kills) || kills < 1) {
    throw new FaceEvalError('USAGE', '--kills takes a whole number from 1 on');
  }
  const stateDir = await mkdtemp(join(dir ?? tmpdir(), 'faceeval-faults-'));
  const onKill = startProgress('killing', kills);
  const report = await runKillTorture({ kills, stateDir, onKill });
  const good = report.lost === 0 && report.doubled === 0 && report.corrupt === 0;
  if (good && dir === undefined) await rm(stateDir, { recursive: true, force: true });
  else note(`the database is kept in ${stateDir}`);
  if (json) printJson(report);
  else print(describe(report));
  return good ? 0 : EXIT_FOUND;
}

function describe({ kills, hits, lost, doubled, corrupt, resent, disordered }: KillReport): string {
  return [
    `${kills} kills, ${hits} hits: ${lost} lost, ${doubled} with two ids, ${corrupt} damaged files`,
    `${resent} messages sent again with the id they had, ${disordered} out of order`,
  ].join('\n');
}

endQuietlyOnClosedPipe();
try {
  process.exitCode = await main(hideBin(process.argv));
} catch (error) {
  process.exitCode = reportFailure(error, false, 'faults');
}
