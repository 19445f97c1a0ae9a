#!/usr/bin/env node
import { runBrokerOutage } from '../faults/broker-outage.js';
import { runCameraCuts } from '../faults/camera-cuts.js';
import type { KillReport } from '../faults/kill-audit.js';
import { runKillTorture } from '../faults/kill-torture.js';
import { measureWrites } from '../faults/write-budget.js';
import { print, printJson } from './output.js';
import { startProgress } from './progress.js';
import { EXIT_FOUND, inScratchFolder, runTool } from './tool.js';
import { requireWhole } from './whole-number.js';

/** What a scenario found: it fails when a bar was missed. */
interface Finding {
  readonly good: boolean;
  readonly result: object;
}

/** What an SD card is to take at 5,000 hits a day. */
const MAX_MB_A_DAY = 50;
/** Cameras that are cut beside each other, so that a hundred cuts take minutes and not hours. */
const CAMERAS = 10;

await runTool({
  name: 'faults',
  usage: '$0: breaks what a daemon depends on, and counts what is missing or double',
  declare: (yargs) =>
    yargs
      .option('kills', { type: 'number', default: 100, describe: 'SIGKILL while hits are written' })
      .option('broker-minutes', { type: 'number', describe: 'Instead: the MQTT broker is away' })
      .option('camera-cuts', { type: 'number', describe: 'Instead: cameras are unplugged' })
      .option('write-hits', { type: 'number', describe: 'Instead: count bytes written for hits' })
      .option('hits-per-second', { type: 'number', default: 10, describe: 'With --write-hits' })
      .option('dir', {
        type: 'string',
        describe: 'Make the files in this folder, to try a certain disk, and keep them',
      })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  run: async (options) => {
    const { kills, 'broker-minutes': minutes, 'camera-cuts': cuts, dir, json } = options;
    const { good, result } = await inScratchFolder('faults', dir, (folder): Promise<Finding> => {
      if (minutes !== undefined) return loseBroker(minutes, folder);
      if (cuts !== undefined) return cutCameras(requireWhole('camera-cuts', cuts), folder);
      if (options['write-hits'] !== undefined) {
        const hits = requireWhole('write-hits', options['write-hits']);
        return countWrites(hits, options['hits-per-second'], folder);
      }
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
  const result = await runBrokerOutage({
    ...{ minutes, dir, hitsPerSecond: 10 },
    // V8 compiles what a hit runs through over the first two thousand.
    warmUpMs: 240_000,
  });
  return { good: result.missed.length === 0, result };
}

async function cutCameras(cuts: number, dir: string): Promise<Finding> {
  const cameras = Math.min(cuts, CAMERAS);
  const onCut = startProgress('cutting', cuts);
  const result = await runCameraCuts({ cuts, cameras, dir, onCut });
  return { good: result.missed.length === 0, result };
}

async function countWrites(hits: number, hitsPerSecond: number, dir: string): Promise<Finding> {
  const onHit = startProgress('counting', hits);
  const result = await measureWrites({ hits, hitsPerSecond, strangerShare: 0.2, dir, onHit });
  return { good: result.mbPerDay <= MAX_MB_A_DAY, result };
}

/** One line a figure. */
function describe(result: object): string {
  return Object.entries(result)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    .join('\n');
}
