import { z } from 'zod';

/** How far from one the length of a template may be. */
const NORM_TOLERANCE = 1e-3;

const bytes = z.instanceof(Uint8Array).optional();
const point = z.object({ x: z.number(), y: z.number() });
const side = z.number().positive();

/** Zod's numbers are finite. */
const observation = z.object({
  cameraId: z.string().min(1),
  trackId: z.string().min(1),
  frameId: z.number(),
  capturedAtMs: z.number(),
  frame: z.object({ width: side, height: side }),
  box: z.object({ x: z.number(), y: z.number(), width: side, height: side }),
  landmarks: z.array(point).length(5),
  detectionScore: z.number(),
  quality: z.object({
    value: z.number(),
    interocularPx: z.number(),
    sharpness: z.number(),
    frontality: z.number(),
    luma: z.number(),
  }),
  liveness: z.number().optional(),
  template: z.instanceof(Float32Array),
  family: z.string().min(1),
  build: z.string().min(1),
  thumbnail: bytes,
  crop: bytes,
  timings: z.object({ captureMs: z.number(), detectMs: z.number(), embedMs: z.number() }),
});

/**
 * Why a record cannot be an observation, or undefined when nothing speaks against it.
 *
 * @param dimension Length of the templates seen before; undefined for the first.
 */
export function problemOf(record: unknown, dimension?: number): string | undefined {
  const { success, error, data } = observation.safeParse(record);
  if (!success) {
    const [issue] = error.issues;
    return `${issue?.path.join('.') || 'the record'}: ${issue?.message}`;
  }
  const { template } = data;
  if (dimension !== undefined && template.length !== dimension) {
    return `template: ${template.length} numbers, not ${dimension} as before`;
  }
  let sum = 0;
  for (const value of template) sum += value * value;
  const length = Math.sqrt(sum);
  if (Math.abs(length - 1) < NORM_TOLERANCE) return undefined;
  return `template: its length is ${length}, not 1`;
}
