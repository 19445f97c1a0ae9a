import { z } from 'zod';

/** What every row of the comparison has: one peer at one number of threads. */
const row = z.object({
  peer: z.string(),
  threads: z.number().int(),
  runs: z.number().int(),
  p50Ms: z.number(),
  p90Ms: z.number(),
  minMs: z.number(),
  /** Processor time of a run, over all its threads. */
  cpuP50Ms: z.number(),
  peakRssBytes: z.number(),
});

const detector = row.extend({
  /** Pictures of one person in the middle: in how many a box lies there, and how many others. */
  lfw: z.object({ images: z.number(), found: z.number(), others: z.number() }).optional(),
  photos: z.object({ pictures: z.number(), faces: z.number() }).optional(),
  /** Against the boxes of the nets written straight. */
  agreement: z
    .object({ faces: z.number(), sameShare: z.number(), medianIou: z.number() })
    .optional(),
});

const recogniser = row.extend({
  sizeBytes: z.number().optional(),
  /** Templates against those of the FP32 build in ONNX Runtime. */
  meanCosine: z.number().optional(),
  leastCosine: z.number().optional(),
});

/** What bench/peers/run.py wrote. */
export const peersResult = z.object({
  schema: z.literal(1),
  kind: z.literal('peers'),
  measuredAt: z.string(),
  cpu: z.string(),
  cores: z.number().int(),
  loadBefore: z.number(),
  loadAfter: z.number(),
  rounds: z.number().int(),
  versions: z.record(z.string(), z.string()),
  detectors: z.array(detector),
  recognisers: z.array(recogniser),
  absent: z.array(z.object({ peer: z.string(), reason: z.string() })),
});

export type PeersResult = z.output<typeof peersResult>;
