import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FaceEvalError } from '../domain/errors.js';
import { type Device, detectDevice } from '../models/device.js';
import { probeThisDevice } from '../models/device-probe.js';
import { loadManifest, shippedModels } from '../models/manifest.js';
import { netEnvironment } from '../models/net-environment.js';
import { type HostState, readHostState, readVersions, readVirtualisation } from './host.js';
import type { BenchResult, BenchRow } from './result.js';
import type { RowAnswer, RowJob } from './row-process.js';
import type { Scenario } from './scenario.js';
import { allScenarios } from './scenarios.js';

/** What is measured, and how. */
export interface BenchOptions extends Omit<RowJob, 'id'> {
  /** Rows whose id contains one of these; all when empty. */
  readonly only: readonly string[];
  /** Told before each row. */
  readonly onRow?: (id: string, index: number, count: number) => void;
  /** Ends the bench and the process of its row. */
  readonly signal?: AbortSignal;
}

/**
 * Measures every row, one after the other, each in a process of its own.
 *
 * @throws FaceEvalError USAGE when there is no such row; the signal's reason once it is aborted.
 */
export async function runBench(options: BenchOptions): Promise<BenchResult> {
  const { only, onRow, signal, ...job } = options;
  const probe = await probeThisDevice();
  const device = detectDevice(probe);
  const manifest = loadManifest(options.modelsDir ?? shippedModels());
  const all = allScenarios(manifest).filter(({ quick }) => quick || !options.quick);
  const scenarios = all.filter(
    ({ id }) => only.length === 0 || only.some((part) => id.includes(part)),
  );
  if (scenarios.length === 0) throw noSuchRow(only, all, options.quick);
  const before = await readHostState(probe);
  const rows: BenchRow[] = [];
  const skipped: { id: string; reason: string }[] = [];
  for (const [index, { id }] of scenarios.entries()) {
    onRow?.(id, index, scenarios.length);
    const answer = await measureInChild({ ...job, id }, signal);
    signal?.throwIfAborted();
    if (answer.ok) rows.push(answer.row);
    else skipped.push({ id, reason: answer.reason });
  }
  const after = await readHostState(probe);
  return {
    schema: 1,
    measuredAt: new Date().toISOString(),
    board: device.name,
    host: describeHost(device, before, after, await readVirtualisation()),
    versions: await readVersions(),
    quick: options.quick,
    rows,
    skipped,
  };
}

function noSuchRow(
  only: readonly string[],
  rows: readonly Scenario[],
  quick: boolean,
): FaceEvalError {
  const kinds = [...new Set(rows.map(({ id }) => id.split('/')[0]))].join(', ');
  const where = quick ? 'with --quick there is' : 'there is';
  return new FaceEvalError('USAGE', `no row has ${only.join(' or ')} in its id`, {
    hint: `${where}: ${kinds}`,
  });
}

function describeHost(
  device: Device,
  before: HostState,
  after: HostState,
  virtual: string | null,
): BenchResult['host'] {
  return {
    kind: device.board,
    cpu: device.cpu,
    cores: device.cores,
    memoryBytes: device.memoryBytes,
    int8Instruction: device.int8Instruction,
    governor: before.governor,
    clockMHz: { before: before.clockMHz, after: after.clockMHz },
    temperatureC: { before: before.temperatureC, after: after.temperatureC },
    throttling: [...new Set([...before.throttling, ...after.throttling])],
    loadBefore: before.load,
    virtual,
  };
}

function measureInChild(job: RowJob, signal: AbortSignal | undefined): Promise<RowAnswer> {
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(new URL('./row-process.js', import.meta.url)), {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: netEnvironment(),
    });
    // Its end is waited for: it may be writing into the folder that is removed afterwards.
    const kill = () => child.kill('SIGKILL');
    signal?.addEventListener('abort', kill, { once: true });
    let answer: RowAnswer | undefined;
    let words = '';
    child.stderr?.on('data', (chunk) => {
      words += String(chunk);
    });
    child.on('message', (message) => {
      answer = message as RowAnswer;
    });
    child.on('error', (error) => resolve({ ok: false, reason: error.message }));
    child.on('exit', (code, endedBy) => {
      signal?.removeEventListener('abort', kill);
      const lastLine = words.trim().split('\n').at(-1) ?? '';
      const reason = `the process ended with ${endedBy ?? code} ${lastLine}`.trim();
      resolve(answer ?? { ok: false, reason });
    });
    child.send(job);
  });
}
