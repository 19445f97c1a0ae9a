import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { loadConfig } from '../config/load.js';
import { ControlClient, isNoDaemon } from '../control/control-client.js';
import { FaceEvalError } from '../domain/errors.js';
import { defineCommand } from './command.js';
import { logLine } from './log-line.js';
import { note, print } from './output.js';

/** What `systemctl` and `journalctl` say when they are not there. */
const EXIT_NOT_FOUND = 127;

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .option('unit', {
        type: 'string',
        default: 'faceeval',
        requiresArg: true,
        describe: 'The systemd service',
      })
      .option('lines', {
        type: 'number',
        default: 50,
        requiresArg: true,
        describe: 'Begin with so many lines of before',
      })
      .option('follow', { type: 'boolean', default: true, describe: 'Wait for what comes' })
      .option('since', {
        type: 'string',
        requiresArg: true,
        describe: 'As journalctl takes it: today, "1 hour ago"',
      })
      .example('$0 logs', 'the log of the service, as it comes')
      .example('$0 logs --no-follow --since today', 'that of today')
      .example('$0 logs --json', 'as the daemon writes it: one JSON object a line'),
  run: async ({ config: path, json, unit, lines, follow, since }) => {
    if (!(await hasUnit(unit))) {
      const { config } = loadConfig({ path });
      print(await whereLogsGo(config.stateDir, unit));
      return 0;
    }
    const options = ['--unit', unit, '--output', 'cat', '--lines', String(lines)];
    if (follow) options.push('--follow');
    if (since !== undefined) options.push('--since', since);
    return showJournal(options, json);
  },
});

async function hasUnit(unit: string): Promise<boolean> {
  return (await exitCodeOf(spawn('systemctl', ['cat', unit], { stdio: 'ignore' }))) === 0;
}

async function showJournal(options: readonly string[], json: boolean): Promise<number> {
  const journal = spawn('journalctl', options, { stdio: ['ignore', 'pipe', 'inherit'] });
  // Ctrl-C reaches both; this one ends when the other has.
  process.on('SIGINT', () => {});
  process.once('SIGTERM', () => journal.kill());
  const ended = exitCodeOf(journal);
  for await (const line of createInterface({ input: journal.stdout })) {
    print(json ? line : logLine(line));
  }
  const code = await ended;
  if (code === 0 || code === null) return 0;
  throw new FaceEvalError('USAGE', `journalctl ended with ${code}`, {
    hint: 'the journal may be read by root and by the group systemd-journal: try sudo',
  });
}

/** @returns null when a signal ended it. */
function exitCodeOf(child: ReturnType<typeof spawn>): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(EXIT_NOT_FOUND));
    child.once('exit', (code) => resolve(code));
  });
}

async function whereLogsGo(stateDir: string, unit: string): Promise<string> {
  const said = `there is no service ${unit} here; \`faceeval run\` logs to its standard error`;
  const { pid } = await runningDaemon(stateDir);
  if (pid === undefined) return `${said}: faceeval run 2> faceeval.log`;
  try {
    return `${said}, which for process ${pid} is ${readlinkSync(`/proc/${pid}/fd/2`)}`;
  } catch {
    note('sudo may tell where that is');
    return `${said}, that of process ${pid}`;
  }
}

async function runningDaemon(stateDir: string): Promise<{ readonly pid?: number }> {
  try {
    return (await new ControlClient(stateDir).ask('status', {})) as { readonly pid: number };
  } catch (error) {
    if (isNoDaemon(error)) return {};
    throw error;
  }
}
