#!/usr/bin/env node
import { runFuzz } from '../faults/fuzz.js';
import type { FuzzReport, FuzzTally } from '../faults/fuzz-report.js';
import { print, printJson } from './output.js';
import { startProgress } from './progress.js';
import { EXIT_FOUND, inScratchFolder, runTool } from './tool.js';
import { requireWhole } from './whole-number.js';

await runTool({
  name: 'fuzz',
  usage: '$0: feeds a daemon damaged images, requests, MQTT packets and configurations',
  declare: (yargs) =>
    yargs
      .option('files', { type: 'number', default: 1_000, describe: 'Inputs of each kind' })
      .option('seed', { type: 'number', default: 1, describe: 'The same seed, the same inputs' })
      .option('dir', { type: 'string', describe: 'Keep state, log and crashes in this folder' })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  run: async ({ files, seed, dir, json }) => {
    requireWhole('files', files);
    requireWhole('seed', seed, 0);
    const onInput = startProgress('fuzzing', 3 * files);
    const { good, result } = await inScratchFolder('fuzz', dir, async (folder) => {
      const report = await runFuzz({ files, seed, dir: folder, onInput });
      return { good: report.missed.length === 0, result: report };
    });
    if (json) printJson(result);
    else print(describe(result));
    return good ? 0 : EXIT_FOUND;
  },
});

function describe(report: FuzzReport): string {
  const { seed, visionCrashes, visionState, daemonAlive, mqttInputs } = report;
  return [
    `seed ${seed}`,
    tallyLine('images', report.images),
    tallyLine('requests', report.requests),
    tallyLine('configurations', report.configurations),
    `${mqttInputs} inputs over MQTT`,
    `the vision process ended ${visionCrashes} times over an image and is ${visionState}`,
    `the daemon ${daemonAlive ? 'runs' : 'has ended'}`,
    ...report.missed.map((bar) => `missed: ${bar}`),
  ].join('\n');
}

function tallyLine(kind: string, { inputs, accepted, refused, findings }: FuzzTally): string {
  const found = findings.map(({ input, what }) => `\n  ${input}: ${what}`).join('');
  return `${inputs} ${kind}: ${accepted} accepted, ${refused} refused, ${findings.length} found${found}`;
}
