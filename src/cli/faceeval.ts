#!/usr/bin/env node
import { hideBin } from 'yargs/helpers';
import { COMMANDS } from './commands.js';
import { endQuietlyOnClosedPipe } from './output.js';
import { runCli } from './run-cli.js';

endQuietlyOnClosedPipe();
process.exitCode = await runCli(hideBin(process.argv), COMMANDS);
