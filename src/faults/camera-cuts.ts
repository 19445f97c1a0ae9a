import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../demo/free-port.js';
import { FaceEvalError } from '../domain/errors.js';
import { BackOffBound } from './back-off-bound.js';
import { DaemonUnderTest } from './daemon-under-test.js';
import { MjpegCamera } from './mjpeg-camera.js';
import { type ProcessSample, sampleProcess } from './process-probe.js';
import { makeSampleWorld } from './sample-world.js';
import { type SilentSource, startSilence } from './silent-source.js';
import { median, type Point, robustSlope } from './trend.js';

export interface CutOptions {
  /** Over all cameras. */
  readonly cuts: number;
  /** Cameras that are cut beside each other, each at its own moments. */
  readonly cameras: number;
  /** Empty folder. */
  readonly dir: string;
  /** A camera is cut after so long at the latest. */
  readonly longestOnlineMs?: number;
  /** It comes back after so long at the latest. */
  readonly longestAwayMs?: number;
  readonly onCut?: (done: number) => void;
}

/** What became of cameras that were cut and came back. */
export interface CutReport {
  readonly cuts: number;
  /** Recoveries within the pause that was in force plus the time to open the source. */
  readonly recovered: number;
  readonly medianRecoveryMs: number;
  readonly longestRecoveryMs: number;
  /** How long a source that accepts and says nothing went unnoticed. */
  readonly silenceNoticedMs: number;
  /**
   * Of the vision process, from the first to the last quiet moments. The silent source is opened and
   * closed in both: what comes and goes with it does not count.
   */
  readonly handlesMore: number;
  readonly memoryMb: number;
  /**
   * Robust slope over the second half of the cuts, for all of them. Heaps find their size in the
   * first: after a thousand runs of a decoder the memory stands still.
   */
  readonly memoryGrowthMb: number;
  readonly visionRestarts: number;
  /** Bars that were missed, in words. */
  readonly missed: readonly string[];
}

interface Look {
  readonly anonymousBytes: number;
  readonly leastHandles: number;
  readonly mostHandles: number;
}

const FPS = 3;
const READY_MS = 120_000;
/** Starting ffmpeg and reading the first picture, on a machine that is busy. */
const OPEN_MS = 6_000;
const LONGEST_ONLINE_MS = 40_000;
const LONGEST_AWAY_MS = 8_000;
const NOTICE_MS = 15_000;
const LOOKS = 10;
const LOOK_MS = 1_000;
const SILENT = 'silent';
const MAX_GROWTH_MB = 4;
const MB = 1e6;

interface Cut {
  readonly recoveryMs: number;
  readonly boundMs: number;
}

/**
 * Unplugs the cameras of a running daemon at random moments and plugs them in again.
 *
 * @throws FaceEvalError VISION when the daemon ends or a camera never comes back.
 */
export async function runCameraCuts(options: CutOptions): Promise<CutReport> {
  const { cuts, cameras, dir } = options;
  const daemonDir = join(dir, 'daemon');
  const { photos } = await makeSampleWorld(dir, join(daemonDir, 'state'));
  // Their sizes differ: a camera often comes back with another size than it had.
  const pictures = photos.map((path) => readFileSync(path));
  const plugged = await Promise.all(
    Array.from({ length: cameras }, async () => {
      const camera = new MjpegCamera(pictures, await freePort(), FPS);
      await camera.plugIn();
      return camera;
    }),
  );
  const silence = await startSilence();
  const daemon = await DaemonUnderTest.start({
    dir: daemonDir,
    config: {
      cameras: [
        ...plugged.map(({ url }, index) => ({ id: `cam${index}`, source: url })),
        { id: SILENT, source: `rtsp://127.0.0.1:${silence.port}/cam` },
      ],
    },
  });
  const run = new CutRun(daemon, options);
  try {
    const report = await run.all(plugged, silence);
    await daemon.stop();
    return { cuts, ...report, missed: missedBars({ cuts, ...report }) };
  } catch (error) {
    daemon.kill();
    throw error;
  } finally {
    silence.close();
    for (const camera of plugged) await camera.remove();
  }
}

/** The states of the cameras as MQTT tells them, and the cuts so far. */
class CutRun {
  readonly #states = new Map<string, string>();
  readonly #cuts: Cut[] = [];
  /** A camera's pauses go on growing from cut to cut. */
  readonly #bounds = new Map<number, BackOffBound>();
  /** Memory of the vision process after each cut, by its number. */
  #memory: Point[] = [];
  #silenceNoticedAtMs: number | undefined;

  constructor(
    private readonly daemon: DaemonUnderTest,
    private readonly options: CutOptions,
  ) {
    daemon.onCamera = (id, state) => {
      this.#states.set(id, state);
      const failed = state === 'reconnecting' || state === 'lost';
      if (id === SILENT && failed) this.#silenceNoticedAtMs ??= performance.now();
    };
  }

  async all(
    cameras: readonly MjpegCamera[],
    silence: SilentSource,
  ): Promise<Omit<CutReport, 'cuts' | 'missed'>> {
    const { daemon } = this;
    const allOnline = () => cameras.every((_, index) => this.#isOnline(index));
    await daemon.until('all cameras', allOnline, READY_MS);
    const noticed = () => this.#silenceNoticedAtMs !== undefined;
    await daemon.until('the silent source to be noticed', noticed, READY_MS);
    // One round warms up what is made once for each camera.
    await this.#round(cameras, cameras.length);
    this.#cuts.length = 0;
    this.#memory = [];
    const before = await this.#look();
    await this.#round(cameras, this.options.cuts);
    const after = await this.#look();
    const recoveries = this.#cuts.map(({ recoveryMs }) => recoveryMs);
    return {
      recovered: this.#cuts.filter(({ recoveryMs, boundMs }) => recoveryMs <= boundMs).length,
      medianRecoveryMs: Math.round(median(recoveries)),
      longestRecoveryMs: Math.round(Math.max(...recoveries)),
      silenceNoticedMs: Math.round((this.#silenceNoticedAtMs ?? 0) - (silence.acceptedMs() ?? 0)),
      handlesMore: Math.max(0, after.leastHandles - before.mostHandles),
      memoryMb: Math.round(before.anonymousBytes / MB),
      memoryGrowthMb: Math.round(this.#growthBytes() / MB),
      visionRestarts: daemon.lastHealth?.vision.restarts ?? 0,
    };
  }

  /** Cuts so often, each camera on its own; all are online afterwards. */
  async #round(cameras: readonly MjpegCamera[], cuts: number): Promise<void> {
    let begun = 0;
    await Promise.all(
      cameras.map(async (camera, index) => {
        while (begun < cuts) {
          begun++;
          this.#cuts.push(await this.#cut(camera, index));
          this.#note(this.#cuts.length);
          this.options.onCut?.(this.#cuts.length);
        }
      }),
    );
  }

  async #cut(camera: MjpegCamera, index: number): Promise<Cut> {
    const bound = this.#bounds.get(index) ?? new BackOffBound();
    this.#bounds.set(index, bound);
    const onlineMs = Math.random() * (this.options.longestOnlineMs ?? LONGEST_ONLINE_MS);
    await delay(onlineMs);
    await camera.unplug();
    const noticed = () => !this.#isOnline(index);
    await this.daemon.until(`camera ${index} to be missed`, noticed, READY_MS);
    const awayMs = Math.random() * (this.options.longestAwayMs ?? LONGEST_AWAY_MS);
    await delay(awayMs);
    await camera.plugIn();
    const recoveryMs = await this.daemon.until(
      `camera ${index} to be back`,
      () => this.#isOnline(index),
      READY_MS,
    );
    return { recoveryMs, boundMs: bound.outage(onlineMs, awayMs) + OPEN_MS };
  }

  #isOnline(index: number): boolean {
    return this.#states.get(`cam${index}`) === 'online';
  }

  #note(cut: number): void {
    const { visionPid } = this.daemon;
    const sample = visionPid === undefined ? undefined : sampleProcess(visionPid);
    if (sample !== undefined) this.#memory.push({ atMs: cut, value: sample.anonymousBytes });
  }

  #growthBytes(): number {
    const half = this.#memory.slice(Math.floor(this.#memory.length / 2));
    return robustSlope(half) * this.options.cuts;
  }

  /** Least memory of some seconds, and between how many handles are open in them. */
  async #look(): Promise<Look> {
    const samples: ProcessSample[] = [];
    for (let look = 0; look < LOOKS; look++) {
      await delay(LOOK_MS);
      const { visionPid } = this.daemon;
      const sample = visionPid === undefined ? undefined : sampleProcess(visionPid);
      if (sample === undefined) throw new FaceEvalError('VISION', 'the vision process is gone');
      samples.push(sample);
    }
    const handles = samples.map((sample) => sample.handles);
    return {
      anonymousBytes: Math.min(...samples.map((sample) => sample.anonymousBytes)),
      leastHandles: Math.min(...handles),
      mostHandles: Math.max(...handles),
    };
  }
}

function missedBars(report: Omit<CutReport, 'missed'>): string[] {
  const { cuts, recovered, silenceNoticedMs, handlesMore, memoryGrowthMb, visionRestarts } = report;
  const missed: string[] = [];
  if (recovered < cuts) missed.push(`${cuts - recovered} recoveries took too long`);
  if (silenceNoticedMs > NOTICE_MS) missed.push('a silent source went unnoticed for over 15 s');
  if (handlesMore > 0) missed.push(`${handlesMore} more handles`);
  if (memoryGrowthMb > MAX_GROWTH_MB) missed.push(`${memoryGrowthMb} MB more memory`);
  if (visionRestarts > 0) missed.push('the vision process was restarted');
  return missed;
}
