import type { LoopDelays } from './daemon-probe.js';
import type { DeliveryReport } from './delivery-audit.js';
import { hundredths } from './hundredths.js';
import type { ProcessSample } from './process-probe.js';
import { floors, median, robustSlope } from './trend.js';

/** What was seen of the processes, oldest first. */
export interface SoakSamples {
  readonly daemon: readonly ProcessSample[];
  readonly vision: readonly ProcessSample[];
  /** All decoders together. */
  readonly decoders: readonly ProcessSample[];
  /** The machine's load, average of a minute. */
  readonly load: readonly number[];
}

export interface SoakRecords {
  readonly minutes: number;
  readonly cameras: number;
  readonly fps: number;
  readonly warmUpMs: number;
  readonly samples: SoakSamples;
  readonly delivery: DeliveryReport;
  /** Frames a second of each camera at the end. */
  readonly fpsReached: readonly number[];
  readonly loop: LoopDelays | undefined;
  readonly visionRestarts: number;
  readonly errors: readonly string[];
  readonly unhandledRejections: number;
  readonly exitCode: number | null;
}

/** Memory and handles of a process after the warm-up. */
export interface Growth {
  /** Robust slope of the least anonymous memory of each minute, MB an hour. */
  readonly slopeMbPerHour: number;
  /** Proportional set size after the warm-up and at the end. */
  readonly startMb: number;
  readonly endMb: number;
  readonly handlesMore: number;
  /** Processor time over the run, in cores. */
  readonly cores: number;
}

/** What `npm run soak` prints. */
export interface SoakReport extends DeliveryReport {
  /** Nothing is killed on purpose here. */
  readonly kills: 0;
  readonly minutes: number;
  readonly cameras: number;
  readonly fps: number;
  readonly fpsReached: readonly number[];
  readonly warmUpS: number;
  readonly daemon: Growth;
  readonly vision: Growth;
  readonly decoders: Growth;
  readonly loopP50Ms: number | null;
  readonly loopP99Ms: number | null;
  readonly loopMaxMs: number | null;
  /** Processor time that the daemon itself took from one tick of 10 ms to the next. */
  readonly loopOwnP99Ms: number | null;
  readonly unhandledRejections: number;
  readonly visionRestarts: number;
  readonly errors: readonly string[];
  readonly load: number;
  /** Bars that were missed, in words. */
  readonly missed: readonly string[];
}

/** Memory is the least of so long: garbage that was not collected yet is not growth. */
const FLOOR_MS = 60_000;
const HOUR_MS = 3_600_000;
const MB = 1e6;
const MAX_SLOPE_MB_PER_HOUR = 1;
const MAX_LOOP_P99_MS = 20;

export function summariseSoak(records: SoakRecords): SoakReport {
  const { minutes, cameras, fps, warmUpMs, samples, delivery, loop, errors } = records;
  const figures = {
    daemon: growthOf(samples.daemon, warmUpMs),
    vision: growthOf(samples.vision, warmUpMs),
    decoders: growthOf(samples.decoders, warmUpMs),
    loopP50Ms: rounded(loop?.p50Ms),
    loopP99Ms: rounded(loop?.p99Ms),
    loopMaxMs: rounded(loop?.maxMs),
    loopOwnP99Ms: rounded(loop?.ownP99Ms),
    unhandledRejections: records.unhandledRejections,
    visionRestarts: records.visionRestarts,
    errors,
  };
  return {
    kills: 0,
    ...delivery,
    ...{ minutes, cameras, fps, fpsReached: records.fpsReached },
    warmUpS: Math.round(warmUpMs / 1_000),
    ...figures,
    load: hundredths(median(samples.load)),
    missed: missedBars({ ...figures, ...delivery, exitCode: records.exitCode }),
  };
}

function growthOf(samples: readonly ProcessSample[], warmUpMs: number): Growth {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined) {
    return { slopeMbPerHour: 0, startMb: 0, endMb: 0, handlesMore: 0, cores: 0 };
  }
  const warm = samples.filter(({ atMs }) => atMs - first.atMs >= warmUpMs);
  const memory = floors(
    warm.map(({ atMs, anonymousBytes }) => ({ atMs: atMs - first.atMs, value: anonymousBytes })),
    FLOOR_MS,
  );
  return {
    slopeMbPerHour: hundredths((robustSlope(memory) * HOUR_MS) / MB),
    startMb: hundredths((warm[0]?.pssBytes ?? 0) / MB),
    endMb: hundredths(last.pssBytes / MB),
    handlesMore: last.handles - (warm[0]?.handles ?? last.handles),
    cores: hundredths((last.cpuMs - first.cpuMs) / Math.max(1, last.atMs - first.atMs)),
  };
}

type Judged = Pick<
  SoakReport,
  'daemon' | 'vision' | 'loopP99Ms' | 'unhandledRejections' | 'visionRestarts'
> &
  DeliveryReport & { readonly exitCode: number | null };

function missedBars(judged: Judged): string[] {
  const { daemon, vision, loopP99Ms, lost, doubled, corrupt, disordered, exitCode } = judged;
  const missed: string[] = [];
  for (const [name, { slopeMbPerHour }] of Object.entries({ daemon, vision })) {
    if (slopeMbPerHour <= MAX_SLOPE_MB_PER_HOUR) continue;
    missed.push(`the memory of the ${name} grew by ${slopeMbPerHour} MB an hour`);
  }
  if (loopP99Ms === null) missed.push('the event loop was not measured');
  else if (loopP99Ms > MAX_LOOP_P99_MS) missed.push(`event loop p99 ${loopP99Ms} ms`);
  if (judged.unhandledRejections > 0) missed.push('there were unhandled rejections');
  if (judged.visionRestarts > 0) missed.push('the vision process was restarted');
  if (lost + doubled + corrupt + disordered > 0)
    missed.push('hits were lost, doubled or disordered');
  if (exitCode !== 0) missed.push(`the daemon ended with ${exitCode}`);
  return missed;
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : hundredths(value);
}
