import type { Observation } from '../domain/records.js';

/** How far from one the length of a template may be. */
const NORM_TOLERANCE = 1e-3;

/** Why an observation cannot be right, or undefined when nothing speaks against it. */
export function problemOf(observation: Observation): string | undefined {
  const { template, box, quality, capturedAtMs } = observation;
  if (!(template instanceof Float32Array) || template.length === 0) return 'there is no template';
  let sum = 0;
  for (const value of template) sum += value * value;
  if (!(Math.abs(Math.sqrt(sum) - 1) < NORM_TOLERANCE)) return 'the template has no unit length';
  const numbers = [box.x, box.y, box.width, box.height, quality.value, capturedAtMs];
  if (!numbers.every(Number.isFinite)) return 'a number is not finite';
  if (box.width <= 0 || box.height <= 0) return 'the box is empty';
  return undefined;
}
