import Table from 'cli-table3';
import { loadConfig } from '../config/load.js';
import { requireOwner } from '../daemon/state-owner.js';
import { examine } from '../doctor/examine.js';
import type { Finding } from '../doctor/finding.js';
import type { BuildOpener } from '../models/open-build.js';
import { type TuningReport, tuneRole } from '../models/tune.js';
import { defineCommand } from './command.js';
import { note, print, printJson } from './output.js';
import { FRAMED } from './table.js';

/** Exit code when a problem was found. */
const EXIT_PROBLEM = 1;

const MARKS: Readonly<Record<Finding['level'], string>> = {
  ok: '  ok  ',
  warning: ' warn ',
  problem: ' FAIL ',
};

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .option('tune', {
        type: 'boolean',
        default: false,
        describe: 'Measure all builds that can run here, and threads, and remember what is fastest',
      })
      .example('$0 doctor', 'what works, what does not, and what to do')
      .example('$0 doctor --tune', 'find the fastest models of this device')
      .epilogue('Exit code 0 when nothing is wrong, 1 when there is a problem.'),
  run: async ({ config: path, json, tune }) => {
    const { config } = loadConfig({ path });
    // Root may do everything: what does not work for the service would be called well.
    requireOwner(config.stateDir);
    const { findings, opener } = await examine(config);
    if (!json) for (const finding of findings) printFinding(finding);
    const tuning = tune && opener !== null ? await tuneAll(opener, json) : undefined;
    const problems = findings.filter(({ level }) => level === 'problem').length;
    if (json) {
      const device = opener?.device ?? null;
      printJson({ ok: problems === 0, device, findings, ...(tuning && { tuning }) });
    } else {
      print(problems === 0 ? 'Nothing is wrong.' : `Problems: ${problems}.`);
    }
    return problems === 0 ? 0 : EXIT_PROBLEM;
  },
});

function printFinding({ area, level, text, hint }: Finding): void {
  print(`[${MARKS[level]}] ${area.padEnd(7)} ${text}`);
  if (hint !== undefined) print(`${' '.repeat(17)}→ ${hint}`);
}

async function tuneAll(opener: BuildOpener, json: boolean): Promise<readonly TuningReport[]> {
  const reports: TuningReport[] = [];
  for (const role of ['detector', 'recogniser'] as const) {
    const report = await tuneRole(opener, role, (id) => note(`measuring ${id}`));
    reports.push(report);
    if (!json) printTuning(report);
  }
  if (opener.stateFolder === null) note('the state folder is not writable: nothing is remembered');
  return reports;
}

function printTuning({ role, reference, rows, best, failed }: TuningReport): void {
  const table = new Table({
    head: [role, 'precision', 'provider', 'threads', 'p50 ms', `cosine to ${reference}`, ''],
    style: FRAMED,
  });
  for (const row of rows) {
    const { id, precision, provider, threads, p50Ms, agreement, agrees } = row;
    const verdict = row === best ? 'kept' : agrees ? '' : 'disagrees';
    const figures = [threads, p50Ms.toFixed(2), agreement.toFixed(4)];
    table.push([id, precision, provider, ...figures, verdict]);
  }
  print(table.toString());
  for (const { id, reason } of failed) print(`left out: ${id}: ${reason}`);
}
