import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { CameraStatus, Hit, VisionStats } from '../domain/records.js';
import type { HealthReport } from '../mqtt/payloads.js';
import type { ActiveBuild } from '../vision/messages.js';
import type { Readings } from './slow-readings.js';

/** What the parts of the daemon contribute to its health. */
export interface HealthSources {
  readonly version: string;
  readonly device: string;
  readonly outboxSize: () => number;
  readonly brokerProblem: () => string | null;
  readonly visionState: () => string;
  readonly visionRestarts: () => number;
  readonly readings: () => Readings;
  readonly databaseRepair: string | undefined;
  /** What cannot be written or read at present, in words. */
  readonly storeProblems: () => readonly string[];
}

/** The vision process reports once a second; a report this old means that it hangs. */
const STATS_MS = 15_000;
/** A camera that says it is online has to give a frame in this time. */
const FRAME_MS = 30_000;
/** Hits whose latency is remembered. */
const LATENCIES = 500;
const LATENCY_WINDOW_MS = 3_600_000;
const LOOP_WINDOW_MS = 60_000;
/** Node measures from one tick to the next: a loop without delay shows the distance of the ticks. */
const LOOP_TICK_MS = 10;

interface Latency {
  readonly atMs: number;
  readonly totalMs: number;
}

/** Collects how the daemon does: for MQTT, the HTTP page and the watchdog. */
export class Health {
  readonly #sources: HealthSources;
  readonly #startedMs = performance.now();
  readonly #loop: IntervalHistogram = monitorEventLoopDelay({
    resolution: LOOP_TICK_MS,
  });
  readonly #loopTimer: NodeJS.Timeout;
  readonly #cameras = new Map<string, CameraStatus>();
  readonly #latencies: Latency[] = [];
  #loopP99Ms: number | undefined;
  #builds: readonly ActiveBuild[] = [];
  #stats: VisionStats | undefined;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #statsAtMs = 0;

  constructor(sources: HealthSources) {
    this.#sources = sources;
    this.#loop.enable();
    this.#loopTimer = setInterval(() => {
      this.#loopP99Ms = this.#loopDelayMs();
      this.#loop.reset();
    }, LOOP_WINDOW_MS);
    this.#loopTimer.unref();
  }

  get stats(): VisionStats | undefined {
    return this.#stats;
  }

  get builds(): readonly ActiveBuild[] {
    return this.#builds;
  }

  /** The recogniser in use; undefined while models load. */
  get recogniser(): ActiveBuild | undefined {
    return this.#builds.find(({ role }) => role === 'recogniser');
  }

  /** The vision process is ready with these. */
  takeBuilds(builds: readonly ActiveBuild[]): void {
    this.#builds = builds;
    // Its first report is a second away.
    this.#reportedAtMs = performance.now();
  }

  takeStats(stats: VisionStats): void {
    this.#stats = stats;
    this.#statsAtMs = performance.now();
    this.#reportedAtMs = this.#statsAtMs;
  }

  /** No frame is worked on until the process is back; what it counted stays. */
  visionExited(): void {
    if (this.#stats === undefined) return;
    const cameras = this.#stats.cameras.map((camera) => ({ ...camera, fps: 0 }));
    this.#stats = { ...this.#stats, cameras, rssBytes: 0 };
  }

  takeCamera(status: CameraStatus): void {
    this.#cameras.set(status.cameraId, status);
  }

  /** Cameras that are no longer watched are no longer reported. */
  keepCameras(ids: ReadonlySet<string>): void {
    for (const id of [...this.#cameras.keys()]) if (!ids.has(id)) this.#cameras.delete(id);
    if (this.#stats === undefined) return;
    const cameras = this.#stats.cameras.filter(({ cameraId }) => ids.has(cameraId));
    this.#stats = { ...this.#stats, cameras };
  }

  takeHit(hit: Hit): void {
    this.#latencies.push({ atMs: performance.now(), totalMs: hit.latencyMs.total });
    if (this.#latencies.length > LATENCIES) this.#latencies.shift();
  }

  /**
   * Whether things move: what the watchdog is fed for. The supervisor restarts a vision process
   * that is down, and a lost camera comes back by itself: neither is a reason to restart.
   */
  get progressing(): boolean {
    if (this.#sources.visionState() !== 'running') return true;
    if (performance.now() - this.#reportedAtMs >= STATS_MS) return false;
    const online = [...this.#cameras.values()].some(({ state }) => state === 'online');
    return !online || (this.#ageNow(this.#stats?.frameAgeMs) ?? 0) < FRAME_MS;
  }

  /** What is wrong, in words; empty when all is well. */
  problems(): string[] {
    const problems: string[] = [];
    const { brokerProblem, visionState, databaseRepair } = this.#sources;
    const broker = brokerProblem();
    if (broker !== null) problems.push(`MQTT: ${broker}`);
    const vision = visionState();
    if (vision === 'waiting') problems.push('the vision process is being started again');
    if (vision === 'degraded') problems.push('the vision process keeps ending: see the log');
    if (vision === 'starting') problems.push('the models are being loaded');
    if (!this.progressing) problems.push('no frame was worked on for too long');
    for (const { cameraId, state, reason } of this.#cameras.values()) {
      if (state !== 'reconnecting' && state !== 'lost') continue;
      problems.push(`camera ${cameraId} is ${state}${reason === undefined ? '' : `: ${reason}`}`);
    }
    if (databaseRepair !== undefined) problems.push(databaseRepair);
    problems.push(...this.#sources.storeProblems());
    return problems;
  }

  /** The payload of `<base>/health`. */
  report(): HealthReport {
    const { version, device, visionState, visionRestarts, outboxSize, readings } = this.#sources;
    const problems = this.problems();
    const { temperatureC, memoryFreeBytes } = readings();
    const cameras = this.#stats?.cameras ?? [];
    return {
      status: problems.length === 0 ? 'ok' : 'degraded',
      problems,
      version,
      node: process.version,
      device,
      uptimeS: Math.round((performance.now() - this.#startedMs) / 1_000),
      vision: { state: visionState(), restarts: visionRestarts() },
      builds: this.#builds.map(({ role, id, precision, provider, reason }) => ({
        ...{ role, id, precision, provider, reason },
      })),
      fps: round(cameras.reduce((sum, { fps }) => sum + fps, 0)),
      cameras: cameras.map(({ cameraId, fps, frameAgeMs, frames, dropped, reconnects }) => ({
        camera: cameraId,
        state: this.#cameras.get(cameraId)?.state ?? 'connecting',
        fps: round(fps),
        frameAgeMs: this.#ageNow(frameAgeMs),
        ...{ frames, dropped, reconnects },
      })),
      latencyMs: { hit: this.#hitLatency(), stages: this.#stageLatencies() },
      frameAgeMs: this.#ageNow(this.#stats?.frameAgeMs),
      eventLoopP99Ms: round(this.#loopP99Ms ?? this.#loopDelayMs()),
      outbox: outboxSize(),
      memory: {
        daemonRssBytes: process.memoryUsage.rss(),
        visionRssBytes: this.#stats?.rssBytes ?? 0,
        freeBytes: memoryFreeBytes,
      },
      temperatureC,
    };
  }

  /** An age of the last report goes on rising while there is no new one. */
  #ageNow(ageMs: number | null | undefined): number | null {
    return typeof ageMs === 'number'
      ? Math.round(ageMs + performance.now() - this.#statsAtMs)
      : null;
  }

  stop(): void {
    clearInterval(this.#loopTimer);
    this.#loop.disable();
  }

  #loopDelayMs(): number {
    return Math.max(0, this.#loop.percentile(99) / 1e6 - LOOP_TICK_MS);
  }

  #hitLatency(): HealthReport['latencyMs']['hit'] {
    const oldestMs = performance.now() - LATENCY_WINDOW_MS;
    const recent = this.#latencies.filter(({ atMs }) => atMs >= oldestMs);
    if (recent.length === 0) return null;
    const sorted = recent.map(({ totalMs }) => totalMs).sort((a, b) => a - b);
    return { p50: round(quantile(sorted, 0.5)), p95: round(quantile(sorted, 0.95)) };
  }

  #stageLatencies(): HealthReport['latencyMs']['stages'] {
    const stages = this.#stats?.stages ?? [];
    return Object.fromEntries(
      stages.map(({ stage, p50Ms, p95Ms, p99Ms }) => [
        stage,
        { p50: round(p50Ms), p95: round(p95Ms), p99: round(p99Ms) },
      ]),
    );
  }
}

/** Nearest rank. @param sorted Ascending, not empty. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
