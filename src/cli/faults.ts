#!/usr/bin/env node
import { runBrokerOutage } from '../faults/broker-outage.js';
import type { KillReport } from '../faults/kill-audit.js';
import { runKillTorture } from '../faults/kill-torture.js';
import { print, printJson } from './output.js';
import { startProgress } from './progress.js';
import { EXIT_FOUND, inScratchFolder, requireWhole, runTool } from './tool.js';

/** What a scenario found: it fails when a bar was missed. */
interface Finding {
  readonly good: boolean;
  readonly result: object;
}

await runTool({
  name: 'faults',
  usage: '$0: breaks what a daemon depends on, and counts what is missing or double',
  declare: (yargs) =>
    yargs
      .option('kills', { type: 'number', default: 100, describe: 'SIGKILL while hits are written' })
      .option('broker-minutes', { type: 'number', describe: 'Instead: the MQTT broker is away' })
      .option('dir', {
        type: 'string',
        describe: 'Make the files in this folder, to try a certain disk, and keep them',
      })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  run: async ({ kills, 'broker-minutes': brokerMinutes, dir, json }) => {
    const { good, result } = await inScratchFolder('faults', dir, (folder): Promise<Finding> => {
      if (brokerMinutes !== undefined) return loseBroker(brokerMinutes, folder);
      return kill(requireWhole('kills', kills), folder);
    });
    if (json) printJson(result);
    else print(describe(result));
    return good ? 0 : EXIT_FOUND;
  },
});

async function kill(kills: number, stateDir: string): Promise<Finding> {
  const onKill = startProgress('killing', kills);
  const result: KillReport = await runKillTorture({ kills, stateDir, onKill });
  return { good: result.lost + result.doubled + result.corrupt === 0, result };
}

async function loseBroker(minutes: number, dir: string): Promise<Finding> {
  const result = await runBrokerOutage({ minutes, dir, hitsPerSecond: 10, warmUpMs: 60_000 });
  return { good: result.missed.length === 0, result };
}

/** One line a figure. */
function describe(result: object): string {
  return Object.entries(result)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    .join('\n');
}
