#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { note, print } from '../cli/output.js';
import { reportFailure } from '../cli/run-cli.js';
import { FaceEvalError } from '../domain/errors.js';
import { debianCopyright } from './copyright.js';
import { notices } from './notices.js';
import { productionModules, readLock } from './production-modules.js';
import { type SbomOptions, sbom } from './sbom.js';

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
    .command('modules', 'List the folders of the npm modules that running needs')
    .command('copyright', 'Write the copyright file of a Debian package')
    .option('root', { type: 'string', default: CHECKOUT, describe: 'Folder of the program' })
    .option('platform', {
      choices: ['linux/x64', 'linux/arm64'] as const,
      default: `linux/${process.arch}`,
      describe: 'Whose native files are inside',
    })
    .option('node-licence', { type: 'string', describe: 'File with the licence of Node' })
    .option('header', { type: 'string', describe: 'File that the copyright file begins with' })
    .option('out', { type: 'string', describe: 'File to write; standard output when absent' })
    .demandCommand(1)
    .strict()
    .exitProcess(false)
    .fail((message: string | null, error: unknown) => {
      throw error ?? new FaceEvalError('USAGE', message ?? 'the command line is not understood');
    })
    .parseAsync();
  if (args.help === true || args.version === true) return;
  const text = await textOf(String(args._[0]), {
    place: { checkout: CHECKOUT, root: resolve(args.root), platform: args.platform },
    nodeLicence: args.nodeLicence,
    header: args.header,
  });
  if (args.out === undefined) print(text.trimEnd());
  else {
    await writeFile(args.out, text);
    note(`wrote ${args.out}`);
  }
}

interface Wanted {
  readonly place: Omit<SbomOptions, 'at'>;
  readonly nodeLicence: string | undefined;
  readonly header: string | undefined;
}

async function textOf(command: string, { place, ...files }: Wanted): Promise<string> {
  switch (command) {
    case 'sbom':
      return `${JSON.stringify(await sbom({ ...place, at: releaseTime() }), null, 2)}\n`;
    case 'modules':
      return `${productionModules(readLock(join(place.root, 'package-lock.json'))).join('\n')}\n`;
    case 'copyright':
      return debianCopyright(
        place.root,
        files.header === undefined ? '' : readFileSync(files.header, 'utf8'),
      );
    default:
      return notices(place, nodeLicence(files.nodeLicence));
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
