import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DaemonUnderTest } from './daemon-under-test.js';
import { auditDelivery, type DeliveryReport, readDecided } from './delivery-audit.js';
import { hundredths } from './hundredths.js';
import { MosquittoBroker } from './mosquitto-broker.js';
import { sampleProcess } from './process-probe.js';
import { enrolSyntheticPeople, SYNTHETIC_CONFIG, SYNTHETIC_DAEMON } from './synthetic-world.js';
import { floors, type Point, robustSlope } from './trend.js';

export interface OutageOptions {
  /** How long the broker is away. */
  readonly minutes: number;
  readonly hitsPerSecond: number;
  /** How long hits flow before it goes away, so that memory has found its size. */
  readonly warmUpMs: number;
  /** Empty folder. */
  readonly dir: string;
}

/** What became of hits that were decided while the broker was away. */
export interface OutageReport extends DeliveryReport {
  readonly awayMinutes: number;
  readonly hitsPerSecond: number;
  /** Hits that waited when the broker came back. */
  readonly waited: number;
  /** Hits that said that they come late. */
  readonly delayed: number;
  /** From the broker's return to the last hit that had waited. */
  readonly caughtUpMs: number;
  /** Anonymous memory of the daemon when the broker went, and how it moved until it came back. */
  readonly memoryMb: number;
  readonly memoryGrowthMb: number;
  /** Bars that were missed, in words. */
  readonly missed: readonly string[];
}

const SAMPLE_MS = 2_000;
const FLOOR_MS = 20_000;
const READY_MS = 60_000;
/** The daemon's own pauses between attempts reach 36 s. */
const CATCH_UP_MS = 120_000;
/** What the allocator and the garbage collector move up and down. */
const FLAT_MB = 4;
const MB = 1e6;

/**
 * Takes a real Mosquitto away from the daemon under a steady flow of hits, brings it back, and
 * compares what arrived with what was decided.
 *
 * @throws FaceEvalError MQTT when Mosquitto is not installed, VISION when the daemon ends.
 */
export async function runBrokerOutage(options: OutageOptions): Promise<OutageReport> {
  const { minutes, hitsPerSecond, warmUpMs, dir } = options;
  const daemonDir = join(dir, 'daemon');
  const recogniser = await enrolSyntheticPeople(join(daemonDir, 'state'));
  const broker = await MosquittoBroker.start(join(dir, 'broker'));
  const scene = { ...recogniser, hitsPerSecond, strangerShare: 0.2, appearances: 1e9 };
  const daemon = await DaemonUnderTest.start({
    ...{ dir: daemonDir, brokerUrl: broker.url, config: SYNTHETIC_CONFIG },
    script: SYNTHETIC_DAEMON,
    environment: { FACEEVAL_SYNTHETIC: JSON.stringify(scene) },
  });
  try {
    await daemon.until('a first hit', () => daemon.received.length > 0, READY_MS);
    await delay(warmUpMs);
    await broker.goAway();
    const before = daemon.received.length;
    const memory = await watchMemory(daemon, minutes * 60_000);
    const awayAtMs = Date.now();
    await broker.comeBack();
    // What is decided from now on is not late.
    const caughtUp = () => (daemon.received.at(-1)?.time ?? '') > new Date(awayAtMs).toISOString();
    await daemon.until('the hits that waited', caughtUp, CATCH_UP_MS);
    const caughtUpMs = Date.now() - awayAtMs;
    await daemon.stop();
    const decided = await readDecided(daemon.stateDir);
    const late = daemon.received.slice(before).filter(({ delayed }) => delayed === true);
    return judge({
      ...auditDelivery({ ...decided, received: daemon.received }),
      ...{ awayMinutes: minutes, hitsPerSecond, caughtUpMs },
      waited: late.filter(({ time }) => Date.parse(time) < awayAtMs).length,
      delayed: late.length,
      memoryMb: hundredths((memory[0]?.value ?? 0) / MB),
      memoryGrowthMb: hundredths(growthOf(memory) / MB),
    });
  } catch (error) {
    daemon.kill();
    throw error;
  } finally {
    await broker.goAway();
  }
}

async function watchMemory(daemon: DaemonUnderTest, forMs: number): Promise<Point[]> {
  const startMs = performance.now();
  const points: Point[] = [];
  for (let passedMs = 0; passedMs < forMs; passedMs = performance.now() - startMs) {
    const sample = sampleProcess(daemon.pid);
    if (sample !== undefined) points.push({ atMs: passedMs, value: sample.anonymousBytes });
    await delay(Math.min(SAMPLE_MS, forMs - passedMs));
  }
  return points;
}

/** Robust slope of the least memory of each window, over the whole time. */
function growthOf(points: readonly Point[]): number {
  return robustSlope(floors(points, FLOOR_MS)) * (points.at(-1)?.atMs ?? 0);
}

function judge(report: Omit<OutageReport, 'missed'>): OutageReport {
  const { lost, doubled, corrupt, disordered, memoryGrowthMb, waited } = report;
  const missed: string[] = [];
  if (lost + doubled + corrupt > 0) missed.push('hits were lost or doubled');
  if (disordered > 0) missed.push('hits came out of order');
  if (waited === 0) missed.push('no hit waited: the broker was never away');
  if (memoryGrowthMb > FLAT_MB) missed.push(`memory grew by ${memoryGrowthMb} MB`);
  return { ...report, missed };
}
