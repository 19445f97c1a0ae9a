import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DaemonUnderTest } from './daemon-under-test.js';
import { hundredths } from './hundredths.js';
import { sampleProcess, writtenBytes } from './process-probe.js';
import { enrolSyntheticPeople, SYNTHETIC_CONFIG, SYNTHETIC_DAEMON } from './synthetic-world.js';

export interface WriteOptions {
  /** Hits that are decided. */
  readonly hits: number;
  readonly hitsPerSecond: number;
  /** Which of them are of strangers, 0..1. */
  readonly strangerShare: number;
  /** Empty folder on the disk that is measured. */
  readonly dir: string;
  readonly onHit?: (done: number) => void;
}

/** What hits cost a disk. */
export interface WriteReport {
  readonly hits: number;
  readonly hitsPerSecond: number;
  readonly strangerShare: number;
  /** What the kernel wrote for the daemon while the hits were decided, log and outbox included. */
  readonly writtenMb: number;
  readonly bytesPerHit: number;
  /** At 5,000 hits a day. */
  readonly mbPerDay: number;
  /** Size of the state folder afterwards. */
  readonly stateMb: number;
  readonly daemonMb: number;
}

const READY_MS = 120_000;
/** Acknowledged hits leave the outbox so long after. */
const SETTLE_MS = 12_000;
const HITS_A_DAY = 5_000;
const MB = 1e6;

/**
 * Counts what a day of hits writes to the disk. The faster they come, the more of them share a
 * write of the outbox: at less than one in ten seconds each has one of its own, as on a quiet day.
 *
 * @throws FaceEvalError VISION when the daemon ends.
 */
export async function measureWrites(options: WriteOptions): Promise<WriteReport> {
  const { hits, hitsPerSecond, strangerShare, dir, onHit } = options;
  const stateDir = join(dir, 'daemon/state');
  const recogniser = await enrolSyntheticPeople(stateDir);
  const scene = { ...recogniser, hitsPerSecond, strangerShare, appearances: hits };
  const daemon = await DaemonUnderTest.start({
    ...{ dir: join(dir, 'daemon'), config: SYNTHETIC_CONFIG, script: SYNTHETIC_DAEMON },
    environment: { FACEEVAL_SYNTHETIC: JSON.stringify(scene) },
  });
  try {
    await daemon.until('a first hit', () => daemon.received.length > 0, READY_MS);
    const before = writtenBytes(daemon.pid);
    const counted = daemon.received.length;
    const neededMs = (hits / hitsPerSecond) * 1_000;
    const all = (): boolean => {
      onHit?.(daemon.received.length);
      return daemon.received.length >= hits;
    };
    await daemon.until('all hits', all, 2 * neededMs + READY_MS);
    await delay(SETTLE_MS);
    const written = writtenBytes(daemon.pid) - before;
    const daemonMb = Math.round((sampleProcess(daemon.pid)?.pssBytes ?? 0) / MB);
    const bytesPerHit = Math.round(written / (daemon.received.length - counted));
    await daemon.stop();
    return {
      ...{ hits, hitsPerSecond, strangerShare, bytesPerHit, daemonMb },
      writtenMb: hundredths(written / MB),
      mbPerDay: hundredths((bytesPerHit * HITS_A_DAY) / MB),
      stateMb: hundredths(sizeOf(stateDir) / MB),
    };
  } catch (error) {
    daemon.kill();
    throw error;
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
