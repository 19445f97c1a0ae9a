#!/usr/bin/env node
import { runSoak, soakTimes } from '../faults/soak.js';
import type { Growth, SoakReport } from '../faults/soak-report.js';
import { print, printJson } from './output.js';
import { startProgress } from './progress.js';
import { EXIT_FOUND, inScratchFolder, runTool } from './tool.js';
import { requireWhole } from './whole-number.js';

await runTool({
  name: 'soak',
  usage: '$0: runs the daemon on looped footage and watches its memory and event loop',
  declare: (yargs) =>
    yargs
      .option('minutes', { type: 'number', default: 30, describe: 'How long, after a warm-up' })
      .option('cameras', { type: 'number', default: 4, describe: 'Cameras, all at once' })
      .option('fps', { type: 'number', default: 15, describe: 'Frames a second of each' })
      .option('dir', { type: 'string', describe: 'Keep state and log in this folder' })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  run: async ({ minutes, cameras, fps, dir, json }) => {
    for (const [name, value] of Object.entries({ minutes, cameras, fps })) {
      requireWhole(name, value);
    }
    const onSeconds = startProgress('soaking', Math.round(soakTimes(minutes).wholeMs / 1_000));
    const { good, result } = await inScratchFolder('soak', dir, async (folder) => {
      const report = await runSoak({
        ...{ minutes, cameras, fps, dir: folder },
        onSample: (passedMs) => onSeconds(Math.round(passedMs / 1_000)),
      });
      return { good: report.missed.length === 0, result: report };
    });
    if (json) printJson(result);
    else print(describe(result));
    return good ? 0 : EXIT_FOUND;
  },
});

function describe(report: SoakReport): string {
  const { minutes, cameras, hits, lost, doubled, corrupt, load } = report;
  return [
    `${minutes} minutes, ${cameras} cameras at ${report.fpsReached.join(', ')} fps, load ${load}`,
    `${hits} hits: ${lost} lost, ${doubled} with two ids, ${corrupt} damaged files`,
    ...(['daemon', 'vision', 'decoders'] as const).map((name) => memoryLine(name, report[name])),
    `event loop of the daemon: p50 ${report.loopP50Ms} ms, p99 ${report.loopP99Ms} ms, ` +
      `longest ${report.loopMaxMs} ms; its own work p99 ${report.loopOwnP99Ms} ms`,
    `${report.unhandledRejections} unhandled rejections, ${report.visionRestarts} restarts of vision`,
    ...report.missed.map((bar) => `missed: ${bar}`),
  ].join('\n');
}

function memoryLine(name: string, growth: Growth): string {
  const { slopeMbPerHour, startMb, endMb, handlesMore, cores } = growth;
  return (
    `${name}: ${startMb} MB after the warm-up, ${endMb} MB at the end, ` +
    `${slopeMbPerHour} MB an hour, ${handlesMore} more handles, ${cores} cores`
  );
}
