import { configSchema } from '../config/schema.js';
import { messageOf } from '../domain/errors.js';
import { probeThisDevice } from '../models/device-probe.js';
import { BuildOpener } from '../models/open-build.js';
import { FrameSource } from './frame-source.js';
import { readPeakRssBytes } from './host.js';
import { FULL_EFFORT, measure, QUICK_EFFORT } from './measure.js';
import { seedMsFor } from './published.js';
import type { BenchRow } from './result.js';
import { allScenarios } from './scenarios.js';
import { summarise } from './statistics.js';

/** What the process that measures one row is told. */
export interface RowJob {
  readonly id: string;
  readonly quick: boolean;
  readonly threads: number;
  readonly stateDir: string;
  readonly modelsDir: string | null;
  readonly providers: readonly ('tensorrt' | 'cuda' | 'cpu')[] | null;
}

/** What it answers. */
export type RowAnswer =
  | { readonly ok: true; readonly row: BenchRow }
  | { readonly ok: false; readonly reason: string };

/**
 * Measures one row in a process of its own, so that its memory is its own, and a native crash ends
 * the row and not the bench.
 */
async function measureRow(job: RowJob): Promise<BenchRow> {
  const settings = configSchema.parse({
    stateDir: job.stateDir,
    models: {
      threads: job.threads,
      ...(job.modelsDir === null ? {} : { dir: job.modelsDir }),
      ...(job.providers === null ? {} : { providers: job.providers }),
    },
  });
  const opener = await BuildOpener.create(settings);
  const scenario = allScenarios(opener.manifest).find(({ id }) => id === job.id);
  if (scenario === undefined) throw new Error(`there is no row ${job.id}`);
  const frames = new FrameSource(job.stateDir, job.modelsDir);
  const open = await scenario.open({ opener, frames, folder: job.stateDir });
  const effort = job.quick ? QUICK_EFFORT : FULL_EFFORT;
  const samplesMs = await measure(open.run, effort, open.restMs);
  await open.close?.();
  return {
    id: scenario.id,
    model: scenario.model,
    build: scenario.build,
    precision: open.precision,
    provider: open.provider,
    threads: open.threads,
    batch: open.batch,
    runs: samplesMs.length,
    ...summarise(samplesMs),
    sizeBytes: open.sizeBytes,
    peakRssBytes: readPeakRssBytes(await probeThisDevice()),
    seedMs: seedMsFor(scenario.seedKey, opener.device.board),
    ...(open.note === undefined ? {} : { note: open.note }),
  };
}

process.once('message', (job) => {
  const answer = (message: RowAnswer) => process.send?.(message, () => process.exit(0));
  measureRow(job as RowJob).then(
    (row) => answer({ ok: true, row }),
    (error) => answer({ ok: false, reason: messageOf(error) }),
  );
});
process.once('disconnect', () => process.exit(1));
