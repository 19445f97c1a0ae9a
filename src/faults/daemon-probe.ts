import { writeFileSync } from 'node:fs';
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * Loaded into a daemon with `node --expose-gc --import`: keeps the delays of its event loop over the
 * whole run after the warm-up, which the daemon itself only keeps for a minute, and collects its
 * garbage twice a minute: a heap as small as the daemon's is left alone for half an hour by V8, and
 * garbage of half an hour looks like a leak. What the probe saw is written to the file that
 * FACEEVAL_PROBE names.
 */

/** What the probe writes. */
export interface LoopDelays {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /**
   * Processor time that the process took from one tick to the next: the delay that it makes itself,
   * which a busy machine does not change.
   */
  readonly ownP99Ms: number;
  readonly ownMaxMs: number;
}

/** A loop without delay shows the distance of the probe's own ticks. */
const TICK_MS = 10;
const WRITE_MS = 5_000;
const COLLECT_MS = 30_000;

const [path, warmUpMs = '0'] = (process.env.FACEEVAL_PROBE ?? '').split('|');

if (path !== undefined && path !== '') {
  setInterval(() => globalThis.gc?.(), COLLECT_MS).unref();
  const delays = monitorEventLoopDelay({ resolution: TICK_MS });
  const since = (ns: number): number => Math.max(0, ns / 1e6 - TICK_MS);
  setTimeout(() => {
    delays.enable();
    const own = createHistogram();
    let before = process.cpuUsage();
    setInterval(() => {
      const { user, system } = process.cpuUsage(before);
      before = process.cpuUsage();
      own.record(Math.max(1, Math.round(user + system)));
    }, TICK_MS).unref();
    setInterval(() => {
      const seen: LoopDelays = {
        p50Ms: since(delays.percentile(50)),
        p99Ms: since(delays.percentile(99)),
        maxMs: since(delays.max),
        ownP99Ms: own.percentile(99) / 1_000,
        ownMaxMs: own.max / 1_000,
      };
      writeFileSync(path, JSON.stringify(seen));
    }, WRITE_MS).unref();
  }, Number(warmUpMs)).unref();
}
