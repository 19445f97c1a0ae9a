import { setTimeout } from 'node:timers/promises';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { type Candidate, defaultThreads } from './build-choice.js';
import { goldenFaces } from './golden-faces.js';
import type {
  InferenceSession,
  InputTensor,
  OutputTensor,
  TensorDeclaration,
} from './inference-session.js';
import type { Build, Role } from './manifest.js';
import type { BuildOpener, OpenedBuild } from './open-build.js';
import { TuningMemory } from './tuning-memory.js';

/** Least mean cosine between the outputs of a build and those of FP32. */
const MIN_AGREEMENT = 0.99;
/** Times the least time: it is not worth another thread. */
const NEARLY_AS_FAST = 1.1;
const WARM_UP_FRAMES = 5;
const FRAMES = 25;
/**
 * Rest between two frames, as a camera gives it: threads go to sleep, clocks fall, and other work
 * takes the caches. Without it more threads look better than they are in the daemon.
 */
const REST_MS = 60;
/** Items that agreement is judged on, and candidates that R- and O-Net get from a usual frame. */
const BATCH = 8;
/** A small picture, where height and width are free. */
const FREE_PICTURE = { height: 240, width: 320 };

/** What was measured of one build with one number of threads. */
export interface TuningRow {
  readonly id: string;
  readonly precision: string;
  readonly provider: string;
  readonly threads: number;
  /** Median time of a frame: one run of each of its nets, milliseconds. */
  readonly p50Ms: number;
  /** Mean cosine between its outputs and those of the reference build. */
  readonly agreement: number;
  readonly agrees: boolean;
}

/** What tuning found for a role. */
export interface TuningReport {
  readonly role: Role;
  /** Build that the others were compared with: the most precise of the family. */
  readonly reference: string;
  readonly rows: readonly TuningRow[];
  /** The row that is kept: a fast one that agrees. */
  readonly best: TuningRow;
  /** Builds that could not be measured, and why. */
  readonly failed: readonly { readonly id: string; readonly reason: string }[];
}

/**
 * Measures every build of the chosen family that can run here, with one thread, two and as many as
 * the rule takes, frame by frame with a rest between them, and remembers the fastest of those that
 * agree with FP32. Threads wait for one another at every layer: of rows that are nearly as fast as
 * the fastest, the one with the fewest is taken, since it leaves most of the processor to the rest.
 *
 * @param onRow Told before each row is measured.
 * @throws FaceEvalError MODEL when no build of the role can run.
 */
export async function tuneRole(
  opener: BuildOpener,
  role: Role,
  onRow?: (id: string) => void,
): Promise<TuningReport> {
  const { candidates } = opener.rank(role);
  const family = candidates[0]?.build.family;
  const brothers = candidates.filter(({ build }) => build.family === family);
  const failed: { id: string; reason: string }[] = [];
  const measured: Measured[] = [];
  for (const candidate of brothers.flatMap((one) => threadings(opener, one))) {
    const { build, threads } = candidate;
    const { id } = build;
    if (failed.some((one) => one.id === id)) continue;
    onRow?.(`${id}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`);
    try {
      const opened = await opener.openCandidate(candidate);
      await opened.settled;
      measured.push({ ...(await measureBuild(opened)), build, threads });
      await opened.release();
    } catch (error) {
      failed.push({ id, reason: messageOf(error) });
    }
  }
  const reference = pickReference(measured);
  if (reference === undefined) {
    const reasons = failed.map(({ id, reason }) => `${id}: ${reason}`).join('; ');
    throw new FaceEvalError('MODEL', `no ${role} could be measured (${reasons})`, {
      hint: 'run `faceeval doctor` to see what is wrong with the builds',
    });
  }
  const rows = measured.map(({ build: { id, precision }, outputs, ...figures }) => {
    const agreement = cosine(outputs, reference.outputs);
    return { id, precision, ...figures, agreement, agrees: agreement >= MIN_AGREEMENT };
  });
  const best = pickBest(rows);
  if (opener.stateFolder !== null) {
    new TuningMemory(opener.stateFolder).remember(opener.manifest, opener.device, {
      ...{ role, id: best.id, threads: best.threads, p50Ms: best.p50Ms },
    });
  }
  return { role, reference: reference.build.id, rows, best, failed };
}

interface Measured {
  readonly build: Build;
  readonly threads: number;
  readonly provider: string;
  readonly p50Ms: number;
  readonly outputs: Float32Array;
}

/** A candidate with each number of threads that is worth a try; a configured number stands. */
function threadings(opener: BuildOpener, candidate: Candidate): Candidate[] {
  const most = opener.threadsAreFixed ? candidate.threads : defaultThreads(opener.device);
  const onGpu = candidate.providers[0] !== 'cpu';
  const tried =
    opener.threadsAreFixed || onGpu ? [most] : [...new Set([1, Math.min(2, most), most])];
  return tried.map((threads) => ({ ...candidate, threads }));
}

/** @param rows At least one agrees: the reference agrees with itself. */
export function pickBest(rows: readonly TuningRow[]): TuningRow {
  const agreeing = rows.filter(({ agrees }) => agrees);
  const leastMs = Math.min(...agreeing.map(({ p50Ms }) => p50Ms));
  const near = agreeing.filter(({ p50Ms }) => p50Ms <= leastMs * NEARLY_AS_FAST);
  return near.reduce((best, row) =>
    row.threads < best.threads || (row.threads === best.threads && row.p50Ms < best.p50Ms)
      ? row
      : best,
  );
}

const PRECISIONS: readonly Build['precision'][] = ['fp32', 'fp16', 'mixed', 'int8'];

function pickReference<T extends { readonly build: Build }>(measured: readonly T[]): T | undefined {
  const rank = ({ build }: T) => PRECISIONS.indexOf(build.precision);
  return [...measured].sort((a, b) => rank(a) - rank(b))[0];
}

async function measureBuild(
  opened: OpenedBuild,
): Promise<{ provider: string; p50Ms: number; outputs: Float32Array }> {
  const sessions = Object.values(opened.sessions);
  const outputs: number[] = [];
  for (const session of sessions) {
    const result = await session.run(feedsOf(session, BATCH));
    for (const { name } of session.outputs) pushAll(outputs, result[name]);
  }
  // A usual frame has one new face: that is the latency that counts.
  const batch = opened.build.role === 'recogniser' ? 1 : BATCH;
  const frame = sessions.map((session) => ({ session, feeds: feedsOf(session, batch) }));
  return {
    provider: opened.provider,
    p50Ms: await medianMs(async () => {
      for (const { session, feeds } of frame) await session.run(feeds);
    }),
    outputs: Float32Array.from(outputs),
  };
}

async function medianMs(frame: () => Promise<void>): Promise<number> {
  for (let i = 0; i < WARM_UP_FRAMES; i++) await frame();
  const samplesMs: number[] = [];
  while (samplesMs.length < FRAMES) {
    await setTimeout(REST_MS);
    const startMs = performance.now();
    await frame();
    samplesMs.push(performance.now() - startMs);
  }
  return samplesMs.sort((a, b) => a - b)[Math.floor(FRAMES / 2)] as number;
}

function feedsOf(session: InferenceSession, freeBatch: number): Record<string, InputTensor> {
  return Object.fromEntries(session.inputs.map((input) => [input.name, fill(input, freeBatch)]));
}

/** A tensor of golden faces for an input [N, side, side, 3] or [1, H, W, 3]. */
function fill({ shape }: TensorDeclaration, freeBatch: number): InputTensor {
  const [batch, height, width, channels] = shape;
  const dims = [
    typeof batch === 'number' ? batch : freeBatch,
    typeof height === 'number' ? height : FREE_PICTURE.height,
    typeof width === 'number' ? width : FREE_PICTURE.width,
    typeof channels === 'number' ? channels : 3,
  ];
  const bytes = dims.reduce((product, size) => product * size, 1);
  const sidePx = Math.min(dims[1] as number, dims[2] as number);
  const faces = goldenFaces(Math.ceil(bytes / (sidePx * sidePx * 3)), sidePx);
  return { data: faces.subarray(0, bytes), dims };
}

function pushAll(to: number[], output: OutputTensor | undefined): void {
  for (const value of output?.data ?? []) to.push(value);
}

/** Cosine of the angle between two vectors of one length. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let lengthA = 0;
  let lengthB = 0;
  for (const [index, value] of a.entries()) {
    const other = b[index] as number;
    dot += value * other;
    lengthA += value * value;
    lengthB += other * other;
  }
  return dot / Math.sqrt(lengthA * lengthB);
}
