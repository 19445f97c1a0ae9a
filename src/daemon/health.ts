import { monitorEventLoopDelay } from 'node:perf_hooks';
import si from 'systeminformation';
import type { CameraStatus, VisionStats } from '../domain/records.js';
import type { ActiveBuild } from '../vision/messages.js';

/** What the parts of the daemon contribute to its health. */
export interface HealthSources {
  readonly version: string;
  readonly outboxSize: () => number;
  readonly brokerProblem: () => string | null;
  readonly visionState: () => string;
  readonly visionRestarts: () => number;
  readonly databaseRepair: string | undefined;
}

/** Temperature and free memory are asked for this seldom: it costs a few processes. */
const SLOW_READINGS_MS = 60_000;

/** Collects how the daemon does: for MQTT, the HTTP page and the watchdog. */
export class Health {
  readonly #sources: HealthSources;
  readonly #startedMs = performance.now();
  readonly #loop = monitorEventLoopDelay({ resolution: 20 });
  readonly #cameras = new Map<string, CameraStatus>();
  #builds: readonly ActiveBuild[] = [];
  #stats: VisionStats | undefined;
  #statsAtMs = Number.NEGATIVE_INFINITY;
  #slow = { temperatureC: null as number | null, memoryFreeBytes: 0, atMs: -SLOW_READINGS_MS };

  constructor(sources: HealthSources) {
    this.#sources = sources;
    this.#loop.enable();
  }

  get stats(): VisionStats | undefined {
    return this.#stats;
  }

  get builds(): readonly ActiveBuild[] {
    return this.#builds;
  }

  takeBuilds(builds: readonly ActiveBuild[]): void {
    this.#builds = builds;
  }

  takeStats(stats: VisionStats): void {
    this.#stats = stats;
    this.#statsAtMs = performance.now();
  }

  takeCamera(status: CameraStatus): void {
    this.#cameras.set(status.cameraId, status);
  }

  /** Whether things move: what the watchdog is fed for. A lost camera is no reason to restart. */
  get progressing(): boolean {
    if (this.#sources.visionState() !== 'running') return true;
    return performance.now() - this.#statsAtMs < 15_000;
  }

  /** What is wrong, in words; empty when all is well. */
  problems(): string[] {
    const problems: string[] = [];
    const { brokerProblem, visionState, databaseRepair } = this.#sources;
    const broker = brokerProblem();
    if (broker !== null) problems.push(`MQTT: ${broker}`);
    if (visionState() === 'waiting') problems.push('the vision process is being started again');
    for (const { cameraId, state, reason } of this.#cameras.values()) {
      if (state !== 'reconnecting' && state !== 'lost') continue;
      problems.push(`camera ${cameraId} is ${state}${reason === undefined ? '' : `: ${reason}`}`);
    }
    if (databaseRepair !== undefined) problems.push(databaseRepair);
    return problems;
  }

  /** The payload of `<base>/health`. */
  async report(): Promise<Record<string, unknown>> {
    await this.#readSlowly();
    const problems = this.problems();
    const stages = this.#stats?.stages ?? [];
    const report = {
      status: problems.length === 0 ? 'ok' : 'degraded',
      problems,
      version: this.#sources.version,
      node: process.version,
      uptimeS: Math.round((performance.now() - this.#startedMs) / 1000),
      builds: this.#builds.map(({ role, id, provider, reason }) => ({
        role,
        id,
        provider,
        reason,
      })),
      cameras: (this.#stats?.cameras ?? []).map(({ cameraId, fps, frames, dropped }) => ({
        camera: cameraId,
        state: this.#cameras.get(cameraId)?.state ?? 'connecting',
        fps: Number(fps.toFixed(1)),
        frames,
        dropped,
      })),
      latencyMs: Object.fromEntries(
        stages.map(({ stage, p50Ms, p95Ms }) => [
          stage,
          { p50: Number(p50Ms.toFixed(1)), p95: Number(p95Ms.toFixed(1)) },
        ]),
      ),
      eventLoopP99Ms: Number((this.#loop.percentile(99) / 1e6).toFixed(1)),
      outbox: this.#sources.outboxSize(),
      visionRestarts: this.#sources.visionRestarts(),
      memory: {
        daemonRssBytes: process.memoryUsage.rss(),
        visionRssBytes: this.#stats?.rssBytes ?? 0,
        freeBytes: this.#slow.memoryFreeBytes,
      },
      temperatureC: this.#slow.temperatureC,
    };
    this.#loop.reset();
    return report;
  }

  stop(): void {
    this.#loop.disable();
  }

  async #readSlowly(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#slow.atMs < SLOW_READINGS_MS) return;
    const [temperature, memory] = await Promise.all([si.cpuTemperature(), si.mem()]);
    this.#slow = {
      temperatureC: temperature.main,
      memoryFreeBytes: memory.available,
      atMs: nowMs,
    };
  }
}
