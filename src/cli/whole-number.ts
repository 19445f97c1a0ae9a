import { FaceEvalError } from '../domain/errors.js';

/**
 * The value of an option that counts something.
 *
 * @throws FaceEvalError USAGE when it is no whole number from `min` to `max`.
 */
export function requireWhole(option: string, value: number, min = 1, max = 1e9): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  const range = max === 1e9 ? `from ${min} on` : `from ${min} to ${max}`;
  throw new FaceEvalError('USAGE', `--${option} takes a whole number ${range}`, {
    hint: `it was ${Number.isNaN(value) ? 'not a number' : value}`,
  });
}
