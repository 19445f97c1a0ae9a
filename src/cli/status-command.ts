import { loadConfig } from '../config/load.js';
import { ControlClient } from '../control/control-client.js';
import { type StatusReport, statusSchema } from '../daemon/status-report.js';
import { FaceEvalError } from '../domain/errors.js';
import { defineCommand } from './command.js';
import { counted } from './counted.js';
import { whoOf } from './hit-line.js';
import { print, printJson } from './output.js';
import { table } from './table.js';
import { localTime, spanWords } from './time-words.js';

/** Exit code when the daemon runs, but not all is well. */
const EXIT_DEGRADED = 1;

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .example('$0 status', 'how the running daemon does')
      .example('$0 status --json | jq .problems', 'for scripts')
      .epilogue('Exit code 0 when all is well, 1 when something is wrong, 3 when no daemon runs.'),
  run: async ({ config: path, json }) => {
    const { config } = loadConfig({ path });
    const status = await readStatus(new ControlClient(config.stateDir));
    if (json) printJson(status);
    else print(describe(status));
    return status.status === 'ok' ? 0 : EXIT_DEGRADED;
  },
});

async function readStatus(client: ControlClient): Promise<StatusReport> {
  const parsed = statusSchema.safeParse(await client.ask('status', {}));
  if (parsed.success) return parsed.data;
  throw new FaceEvalError('DAEMON', 'the daemon that runs is of another version', {
    hint: 'start it again: systemctl restart faceeval',
    cause: parsed.error,
  });
}

function describe(status: StatusReport): string {
  const { version, device, pid, uptimeS, problems, stateDir } = status;
  return [
    `faceeval ${version} on ${device}: ${status.status === 'ok' ? 'all is well' : 'degraded'}`,
    ...problems.map((problem) => `  ! ${problem}`),
    '',
    line('uptime', `${spanWords(uptimeS * 1_000)}, process ${pid}, state in ${stateDir}`),
    line('vision', visionWords(status)),
    line('mqtt', brokerWords(status)),
    line('gallery', galleryWords(status)),
    line('last hit', lastHitWords(status)),
    line('memory', memoryWords(status)),
    ...status.builds.map(({ role, id, provider, reason }) =>
      line(role, `${id} on ${provider}: ${reason}`),
    ),
    '',
    cameraTable(status),
    '',
    stageTable(status),
  ].join('\n');
}

const line = (what: string, text: string): string => `${what.padEnd(11)} ${text}`;

function visionWords({ vision, eventLoopP99Ms }: StatusReport): string {
  const { restarts: times } = vision;
  const restarts = times === 0 ? 'never restarted' : `restarted ${counted(times, 'time')}`;
  return `${vision.state}, ${restarts}; event loop of the daemon p99 ${eventLoopP99Ms} ms`;
}

function brokerWords({ broker, outbox }: StatusReport): string {
  const state = broker.connected ? `connected to ${broker.url}` : `no connection to ${broker.url}`;
  const why = broker.problem === null ? '' : ` (${broker.problem})`;
  return `${state}${why}, ${outbox === 1 ? '1 hit waits' : `${outbox} hits wait`}`;
}

function galleryWords({ gallery }: StatusReport): string {
  const { people, templates, threshold } = gallery;
  const needed = threshold === null ? '' : `, threshold ${threshold.toFixed(3)}`;
  return `${counted(people, 'person', 'people')}, ${counted(templates, 'template')}${needed}`;
}

function lastHitWords({ lastHit, latencyMs }: StatusReport): string {
  if (lastHit === null) return 'none yet';
  const { time, camera, similarity } = lastHit;
  const ago = spanWords(Date.now() - Date.parse(time));
  const latency =
    latencyMs.hit === null
      ? ''
      : `; from capture p50 ${latencyMs.hit.p50}, p95 ${latencyMs.hit.p95} ms`;
  return `${localTime(Date.parse(time))} (${ago} ago) ${whoOf(lastHit)} at ${camera}, ${similarity.toFixed(2)}${latency}`;
}

function memoryWords({ memory, temperatureC }: StatusReport): string {
  const mb = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  const heat = temperatureC === null ? '' : `; processor ${temperatureC.toFixed(0)} °C`;
  return (
    `daemon ${mb(memory.daemonRssBytes)}, vision ${mb(memory.visionRssBytes)}, ` +
    `free ${mb(memory.freeBytes)}${heat}`
  );
}

function cameraTable({ cameras }: StatusReport): string {
  return table(
    ['camera', 'state', 'fps', 'last frame', 'frames', 'dropped', 'reconnects', ''],
    cameras.map(({ camera, state, fps, frameAgeMs, frames, dropped, reconnects, reason }) => [
      ...[camera, state, fps],
      frameAgeMs === null ? 'none' : `${(frameAgeMs / 1_000).toFixed(1)} s ago`,
      ...[frames, dropped, reconnects],
      reason ?? '',
    ]),
  );
}

function stageTable({ latencyMs }: StatusReport): string {
  return table(
    ['stage', 'p50 ms', 'p95 ms', 'p99 ms'],
    Object.entries(latencyMs.stages).map(([stage, { p50, p95, p99 }]) => [stage, p50, p95, p99]),
  );
}
