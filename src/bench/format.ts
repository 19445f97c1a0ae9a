/** Milliseconds with as many digits as mean something. */
export function formatMs(ms: number): string {
  if (ms >= 100) return ms.toFixed(0);
  if (ms >= 10) return ms.toFixed(1);
  return ms >= 0.1 ? ms.toFixed(2) : ms.toFixed(4);
}

/** Mebibytes, or a dash. */
export function formatMiB(bytes: number | null): string {
  return bytes === null ? '–' : (bytes / 1024 / 1024).toFixed(1);
}

/** `243 (3.1×)`: the published time, and how many times faster ours is. */
export function formatSeed(seedMs: number | null, p50Ms: number): string {
  return seedMs === null ? '–' : `${formatMs(seedMs)} (${(seedMs / p50Ms).toFixed(1)}×)`;
}

/** `48 → 61`, or a dash where the machine does not say. */
export function formatChange(
  { before, after }: { before: number | null; after: number | null },
  unit: string,
): string {
  const show = (value: number | null) => (value === null ? '–' : String(Math.round(value)));
  return before === null && after === null ? '–' : `${show(before)} → ${show(after)} ${unit}`;
}

/** One row of a table in Markdown. */
export function tableRow(cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}
