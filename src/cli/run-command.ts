import type { Logger } from 'pino';
import { loadConfig } from '../config/load.js';
import { absoluteSource } from '../config/locations.js';
import { type Config, configSchema } from '../config/schema.js';
import { compileOnlyLoops } from '../daemon/compile-budget.js';
import { Daemon } from '../daemon/daemon.js';
import { createLogger } from '../daemon/logger.js';
import { type ErrorCode, FaceEvalError } from '../domain/errors.js';
import type { VisionStats } from '../domain/records.js';
import { programVersion } from '../domain/version.js';
import { defineCommand } from './command.js';
import { print, printJson } from './output.js';
import { reportFailure } from './run-cli.js';

/** Exit code of an error that nobody foresaw (EX_SOFTWARE). */
const EXIT_BUG = 70;
/** Why a new configuration is not taken over. */
const REFUSALS: readonly ErrorCode[] = ['CONFIG', 'MODEL'];

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .option('source', {
        type: 'string',
        requiresArg: true,
        describe: 'Watch this one source instead of the configured cameras',
      })
      .option('fast', {
        type: 'boolean',
        default: false,
        describe: 'Process every frame of a file as fast as possible, then end',
      })
      .option('stats', { type: 'boolean', default: false, describe: 'Print figures at the end' })
      .example('$0 run --config faceeval.yaml', 'the daemon')
      .example('$0 run --source /dev/video0', 'one camera, everything else as it comes')
      .example('$0 run --source film.mp4 --fast --stats --json', 'how fast is this device?'),
  run: async ({ config: path, json, verbose, source, fast, stats }) => {
    const readConfig = () => withSource(loadConfig({ path }).config, source);
    const config = readConfig();
    if (config.cameras.length === 0) {
      throw new FaceEvalError('CONFIG', 'there is no camera to watch', {
        hint: 'add one under cameras: in the configuration, or give --source',
      });
    }
    compileOnlyLoops();
    const log = await createLogger(config.log);
    endOnBug(log);
    const counts = { recognised: 0, unknown: 0 };
    const daemon = new Daemon({
      config,
      mode: { fast },
      version: programVersion(),
      log,
      readConfig,
      onHit: ({ type }) => {
        counts[type]++;
      },
    });
    const signal = waitForSignal(() => {
      daemon.reload().catch((error: unknown) => {
        // A configuration that is refused is in the log already.
        if (error instanceof FaceEvalError && REFUSALS.includes(error.code)) return;
        log.error({ err: error }, 'configuration and gallery could not be read anew');
      });
    });
    const startMs = performance.now();
    await daemon.start().catch((error: unknown) => {
      // What has been started already, a broker for one, would keep the process alive.
      process.exit(reportFailure(error, verbose));
    });
    const reason = await Promise.race([signal, daemon.ended]);
    const seconds = (performance.now() - startMs) / 1000;
    if (typeof reason === 'string') log.info(`${reason}: stopping`);
    const last = daemon.health.stats;
    await daemon.stop();
    if (stats) report(json, { last, seconds, counts });
    if (reason === 0) {
      throw new FaceEvalError('CAMERA', 'no frame could be read from any source', {
        hint: 'the log above says of each why',
      });
    }
    return 0;
  },
});

function withSource(config: Config, source: string | undefined): Config {
  if (source === undefined) return config;
  const place = absoluteSource(source, process.cwd());
  const { cameras } = configSchema.parse({ cameras: [{ id: 'camera', source: place }] });
  return { ...config, cameras };
}

/** An error that nobody foresaw ends the process: systemd starts a whole one. */
function endOnBug(log: Logger): void {
  process.on('uncaughtException', (error) => {
    const known = error instanceof FaceEvalError ? error : undefined;
    log.fatal({ err: error, hint: known?.hint }, error.message);
    process.exit(known?.exitCode ?? EXIT_BUG);
  });
}

/** SIGTERM and SIGINT end the daemon; SIGHUP makes it read configuration and gallery anew. */
function waitForSignal(onReload: () => void): Promise<string> {
  process.on('SIGHUP', onReload);
  return new Promise((resolveSignal) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => resolveSignal(signal));
    }
  });
}

interface RunFigures {
  readonly last: VisionStats | undefined;
  readonly seconds: number;
  readonly counts: { readonly recognised: number; readonly unknown: number };
}

function report(json: boolean, { last, seconds, counts }: RunFigures): void {
  const sum = (pick: (camera: VisionStats['cameras'][number]) => number): number =>
    (last?.cameras ?? []).reduce((total, camera) => total + pick(camera), 0);
  const frames = sum((camera) => camera.frames);
  const figures = {
    frames,
    seconds: Number(seconds.toFixed(2)),
    fps: Number((frames / seconds).toFixed(1)),
    faces: sum((camera) => camera.faces),
    tracks: sum((camera) => camera.tracks),
    hits: counts.recognised,
    unknowns: counts.unknown,
    // Highest memory that the kernel saw of daemon and vision process together.
    peakRssBytes: (last?.peakRssBytes ?? 0) + process.resourceUsage().maxRSS * 1024,
    decodersRssBytes: last?.decodersRssBytes ?? 0,
    stagesMs: Object.fromEntries(
      (last?.stages ?? []).map(({ stage, count, p50Ms, p95Ms, totalMs }) => [
        stage,
        {
          runs: count,
          p50: Number(p50Ms.toFixed(2)),
          p95: Number(p95Ms.toFixed(2)),
          total: Math.round(totalMs),
        },
      ]),
    ),
  };
  if (json) {
    printJson(figures);
    return;
  }
  print(`${frames} frames in ${figures.seconds} s: ${figures.fps} frames a second`);
  print(
    `faces ${figures.faces}, tracks ${figures.tracks}, hits ${figures.hits}, unknowns ${figures.unknowns}`,
  );
  print(
    `peak memory ${Math.round(figures.peakRssBytes / 1e6)} MB, ` +
      `and ${Math.round(figures.decodersRssBytes / 1e6)} MB in the decoder`,
  );
  for (const [stage, { runs, p50, p95, total }] of Object.entries(figures.stagesMs)) {
    print(`  ${stage.padEnd(8)} ${runs} runs, p50 ${p50} ms, p95 ${p95} ms, ${total} ms in all`);
  }
}
