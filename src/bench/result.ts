import { z } from 'zod';

const row = z.object({
  id: z.string(),
  model: z.string(),
  build: z.string().nullable(),
  precision: z.string(),
  provider: z.string(),
  threads: z.number().int(),
  batch: z.number().int(),
  runs: z.number().int(),
  p50Ms: z.number(),
  p90Ms: z.number(),
  p99Ms: z.number(),
  minMs: z.number(),
  sizeBytes: z.number().nullable(),
  peakRssBytes: z.number(),
  /** What the seed published for the same model on the same device. */
  seedMs: z.number().nullable(),
  note: z.string().optional(),
});

const beforeAfter = z.object({ before: z.number().nullable(), after: z.number().nullable() });

/** What a run of the bench found: the document that `--json` prints and bench/results/ keeps. */
export const benchResult = z.object({
  schema: z.literal(1),
  measuredAt: z.string(),
  /** Name of the board, as it names itself. */
  board: z.string(),
  host: z.object({
    /** Kind of board that builds are chosen for. */
    kind: z.string(),
    cpu: z.string(),
    cores: z.number().int(),
    memoryBytes: z.number(),
    int8Instruction: z.string().nullable(),
    governor: z.string().nullable(),
    clockMHz: beforeAfter,
    temperatureC: beforeAfter,
    /** Reasons for which the processor was slowed down since it started; none when empty. */
    throttling: z.array(z.string()),
    /** Processes that wanted a core in the minute before: above 0 others disturbed the figures. */
    loadBefore: z.number(),
    virtual: z.string().nullable(),
  }),
  versions: z.record(z.string(), z.string()),
  quick: z.boolean(),
  rows: z.array(row),
  /** Rows that could not run here, and why. */
  skipped: z.array(z.object({ id: z.string(), reason: z.string() })),
});

export type BenchResult = z.output<typeof benchResult>;
export type BenchRow = z.output<typeof row>;
