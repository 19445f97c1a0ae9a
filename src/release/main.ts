#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { note, print } from '../cli/output.js';
import { reportFailure } from '../cli/run-cli.js';
import { FaceEvalError } from '../domain/errors.js';
import { notices } from './notices.js';
import { sbom } from './sbom.js';

const CHECKOUT = resolve(fileURLToPath(new URL('../..', import.meta.url)));
/** Where Node's licence lies beside an official binary, and on Debian. */
const NODE_LICENCES = [
  fileURLToPath(new URL('../LICENSE', `file://${process.execPath}`)),
  '/usr/share/doc/nodejs/LICENSE',
];

async function main(): Promise<void> {
  const args = await yargs(hideBin(process.argv))
    .scriptName('npm run')
    .locale('en')
    .command('sbom', 'Write the CycloneDX document of a package')
    .command('notices', 'Write the licences of all that is inside')
    .option('root', { type: 'string', default: CHECKOUT, describe: 'Folder of the program' })
    .option('platform', {
      choices: ['linux/x64', 'linux/arm64'] as const,
      default: `linux/${process.arch}`,
      describe: 'Whose native files are inside',
    })
    .option('node-licence', { type: 'string', describe: 'File with the licence of Node' })
    .option('out', { type: 'string', describe: 'File to write; standard output when absent' })
    .demandCommand(1)
    .strict()
    .exitProcess(false)
    .fail((message: string | null, error: unknown) => {
      throw error ?? new FaceEvalError('USAGE', message ?? 'the command line is not understood');
    })
    .parseAsync();
  if (args.help === true || args.version === true) return;
  const place = { checkout: CHECKOUT, root: resolve(args.root), platform: args.platform };
  const text =
    args._[0] === 'sbom'
      ? `${JSON.stringify(await sbom({ ...place, at: releaseTime() }), null, 2)}\n`
      : notices(place, nodeLicence(args.nodeLicence));
  if (args.out === undefined) print(text.trimEnd());
  else {
    await writeFile(args.out, text);
    note(`wrote ${args.out}`);
  }
}

/** `SOURCE_DATE_EPOCH`, in which builds that can be repeated name their time. */
function releaseTime(): Date {
  const epochS = Number(process.env.SOURCE_DATE_EPOCH);
  return epochS > 0 ? new Date(epochS * 1000) : new Date();
}

function nodeLicence(given: string | undefined): string | undefined {
  const path = given ?? NODE_LICENCES.find((candidate) => existsSync(candidate));
  return path === undefined ? undefined : readFileSync(path, 'utf8');
}

try {
  await main();
} catch (error) {
  process.exitCode = reportFailure(error, false, 'release');
}
