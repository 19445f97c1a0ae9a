import type { Template } from '../domain/records.js';

/** Cosine of two unit vectors of one length. */
export function cosine(a: Template, b: Template): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
