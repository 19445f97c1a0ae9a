import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LoopDelays } from './daemon-probe.js';
import { DaemonUnderTest } from './daemon-under-test.js';
import { auditDelivery, readDecided } from './delivery-audit.js';
import { childrenOf, type ProcessSample, sampleProcess } from './process-probe.js';
import { makeSampleWorld } from './sample-world.js';
import { type SoakReport, type SoakSamples, summariseSoak } from './soak-report.js';

export interface SoakOptions {
  readonly minutes: number;
  readonly cameras: number;
  readonly fps: number;
  /** Empty folder for footage, state and log. */
  readonly dir: string;
  /** Told of each sample. */
  readonly onSample?: (passedMs: number) => void;
}

const SAMPLE_MS = 5_000;
const WARM_UP_SHARE = 2 / 3;
const LONGEST_WARM_UP_MS = 20 * 60_000;
const START_MS = 300_000;
/** The same people come by with each round of the footage and are to be reported each time. */
const COOLDOWN_MS = 5_000;
const DAEMON_PROBE = fileURLToPath(new URL('./daemon-probe.js', import.meta.url));

/**
 * How long a soak of so many minutes runs, with the warm-up before they begin. V8 compiles what a
 * hit runs through over the first two thousand hits, and SQLite's page cache is full after as many:
 * twenty minutes of four cameras.
 */
export function soakTimes(minutes: number): {
  readonly warmUpMs: number;
  readonly wholeMs: number;
} {
  const judgedMs = minutes * 60_000;
  const warmUpMs = Math.min(judgedMs * WARM_UP_SHARE, LONGEST_WARM_UP_MS);
  return { warmUpMs, wholeMs: warmUpMs + judgedMs };
}

/**
 * Runs the real daemon on looped footage, a decoder and a track of people for each camera, with a
 * subscriber, and watches memory, event loop, log and what arrives.
 *
 * @throws FaceEvalError VISION when the daemon ends or never becomes ready.
 */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { minutes, cameras, fps, dir, onSample } = options;
  const daemonDir = join(dir, 'daemon');
  const { footage } = await makeSampleWorld(dir, join(daemonDir, 'state'));
  const { warmUpMs, wholeMs } = soakTimes(minutes);
  const delaysPath = join(dir, 'loop.json');
  const daemon = await DaemonUnderTest.start({
    dir: daemonDir,
    config: {
      cameras: Array.from({ length: cameras }, (_, index) => ({
        ...{ id: `cam${index + 1}`, source: footage, loop: true, fps },
      })),
      hits: { cooldownMs: COOLDOWN_MS, unknownCooldownMs: COOLDOWN_MS },
    },
    nodeArgs: ['--expose-gc', '--import', DAEMON_PROBE],
    environment: { FACEEVAL_PROBE: `${delaysPath}|${warmUpMs}` },
  });
  try {
    await daemon.until('a first hit', () => daemon.received.length > 0, START_MS);
    const samples = await watch(daemon, wholeMs, (passedMs, all) => {
      keepLast(join(dir, 'samples.jsonl'), all);
      onSample?.(passedMs);
    });
    const { vision, cameras: last = [] } = daemon.lastHealth ?? {};
    const exitCode = await daemon.stop();
    const decided = await readDecided(daemon.stateDir);
    return summariseSoak({
      ...{ minutes, cameras, fps, warmUpMs, samples, exitCode },
      delivery: auditDelivery({ ...decided, received: daemon.received }),
      fpsReached: last.map((camera) => camera.fps),
      loop: readDelays(delaysPath),
      visionRestarts: vision?.restarts ?? 0,
      errors: daemon.errors,
      unhandledRejections: daemon.unhandledRejections,
    });
  } catch (error) {
    daemon.kill();
    throw error;
  }
}

async function watch(
  daemon: DaemonUnderTest,
  wholeMs: number,
  onSample: (passedMs: number, all: SoakSamples) => void,
): Promise<SoakSamples> {
  const samples = { daemon: [], vision: [], decoders: [], load: [] } as {
    daemon: ProcessSample[];
    vision: ProcessSample[];
    decoders: ProcessSample[];
    load: number[];
  };
  const startMs = performance.now();
  for (let passedMs = 0; passedMs < wholeMs; passedMs = performance.now() - startMs) {
    const { visionPid } = daemon;
    const decoders = visionPid === undefined ? [] : childrenOf(visionPid);
    push(samples.daemon, sampleProcess(daemon.pid));
    if (visionPid !== undefined) push(samples.vision, sampleProcess(visionPid));
    push(samples.decoders, sum(decoders.flatMap((pid) => sampleProcess(pid) ?? [])));
    samples.load.push(loadavg()[0] ?? 0);
    onSample(passedMs, samples);
    await delay(Math.min(SAMPLE_MS, Math.max(0, wholeMs - passedMs)));
    await daemon.until('it still runs', () => true, SAMPLE_MS);
  }
  return samples;
}

/** One line a sample, so that the curve can be looked at. */
function keepLast(path: string, { daemon, vision, decoders, load }: SoakSamples): void {
  const last = { daemon: daemon.at(-1), vision: vision.at(-1), decoders: decoders.at(-1) };
  appendFileSync(path, `${JSON.stringify({ ...last, load: load.at(-1) })}\n`);
}

function push(samples: ProcessSample[], sample: ProcessSample | undefined): void {
  if (sample !== undefined) samples.push(sample);
}

/** Several processes as one. */
function sum(samples: readonly ProcessSample[]): ProcessSample | undefined {
  if (samples.length === 0) return undefined;
  return samples.reduce((all, one) => ({
    atMs: all.atMs,
    pssBytes: all.pssBytes + one.pssBytes,
    anonymousBytes: all.anonymousBytes + one.anonymousBytes,
    handles: all.handles + one.handles,
    cpuMs: all.cpuMs + one.cpuMs,
  }));
}

function readDelays(path: string): LoopDelays | undefined {
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, 'utf8')) as LoopDelays;
}
