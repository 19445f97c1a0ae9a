/** Figures of reports have two digits. */
export function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
