import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../domain/errors.js';
import { type BatchRange, EngineCache } from './engine-cache.js';
import { HandoverSession } from './handover-session.js';
import type { InferenceSession, Provider, TensorDeclaration } from './inference-session.js';

/** What is needed to run one model file through TensorRT. */
export interface TensorRtStart {
  readonly modelPath: string;
  readonly engineRoot: string;
  /** Names model, runtime and GPU: an engine fits only these. */
  readonly key: string;
  readonly int8: boolean;
  readonly maxBatch: number;
  /** Providers that serve until the engine stands, and if it never does. */
  readonly others: readonly Provider[];
  readonly load: (
    providers: readonly Provider[],
    tensorrt?: Record<string, string>,
  ) => Promise<InferenceSession>;
  readonly onProgress: (what: string) => void;
  readonly onFallback: (what: string) => void;
  /** Builds the engine; a process of its own unless a test says otherwise. */
  readonly build?: (job: EngineJob) => Promise<void>;
}

/** What the process that builds an engine is told. */
export interface EngineJob {
  readonly modelPath: string;
  readonly options: Record<string, string>;
  readonly batch: BatchRange;
}

/** A session that serves at once, and when its provider is the last one. */
export interface StartedSession {
  readonly session: InferenceSession;
  /** Fulfilled when no engine is being built any more, whatever came of it. */
  readonly settled: Promise<void>;
}

/**
 * Starts a model with TensorRT. With an engine from an earlier start it is used at once; else CUDA
 * or the CPU serves while another process builds the engine, which blocks for minutes.
 */
export async function startTensorRt(start: TensorRtStart): Promise<StartedSession> {
  const cache = new EngineCache(start.engineRoot, start.key);
  const first = await start.load(start.others);
  const batch = batchRange(first.inputs, start.maxBatch);
  if (batch === null) {
    start.onFallback('TensorRT is left out: the sizes of the inputs are free');
    return { session: first, settled: Promise.resolve() };
  }
  const options = cache.providerOptions(start.int8, batch);
  if (cache.isComplete) {
    try {
      const session = await start.load(['tensorrt', ...start.others], options);
      await first.release();
      return { session, settled: Promise.resolve() };
    } catch (error) {
      cache.discard();
      start.onFallback(
        `the kept TensorRT engine does not load, building it again: ${messageOf(error)}`,
      );
    }
  }
  const session = new HandoverSession(first);
  const job = { modelPath: start.modelPath, options, batch };
  return { session, settled: buildAndHandOver(start, cache, job, session) };
}

async function buildAndHandOver(
  start: TensorRtStart,
  cache: EngineCache,
  job: EngineJob,
  session: HandoverSession,
): Promise<void> {
  const startedMs = performance.now();
  start.onProgress(`building a TensorRT engine; ${session.provider} serves meanwhile`);
  try {
    cache.prepare();
    await (start.build ?? buildInChild)(job);
    if (!cache.hasEngines) {
      throw new Error('this build of onnxruntime-node passes no options on to TensorRT');
    }
    cache.markComplete();
    await session.handOver(await start.load(['tensorrt', ...start.others], job.options));
    const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
    start.onProgress(`the TensorRT engine stands after ${minutes} minutes and serves now`);
  } catch (error) {
    cache.discard();
    start.onFallback(`TensorRT is left out, ${session.provider} serves: ${messageOf(error)}`);
  }
}

/** The input whose first size is free and whose others are known. */
function batchRange(inputs: readonly TensorDeclaration[], max: number): BatchRange | null {
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) return null;
  const shape = input.shape.slice(1).filter((size) => typeof size === 'number');
  return shape.length + 1 === input.shape.length ? { input: input.name, shape, max } : null;
}

function buildInChild(job: EngineJob): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./engine-builder.js', import.meta.url)), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    let failure: string | undefined;
    child.on('message', (message) => {
      failure = String(message);
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(failure ?? `the engine builder ended with ${signal ?? code}`));
    });
    child.send(job);
  });
}
