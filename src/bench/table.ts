import Table from 'cli-table3';
import { formatChange, formatMiB, formatMs, formatSeed } from './format.js';
import { PUBLISHED } from './published.js';
import type { BenchResult } from './result.js';

/** Load above which other work has a share in the figures. */
const BUSY = 0.5;

const PLAIN_STYLE = { head: [], border: [] };

/** The result as tables for a terminal: ours, and the seed's published rows apart from them. */
export function terminalTables(result: BenchResult): string {
  const ours = new Table({
    head: [
      'row',
      'prec.',
      'provider',
      'thr',
      'batch',
      'p50 ms',
      'p90',
      'p99',
      'min',
      'model MiB',
    ].concat(['peak MiB', 'seed ms (ratio)']),
    style: PLAIN_STYLE,
  });
  for (const row of result.rows) {
    ours.push([
      row.id,
      row.precision,
      row.provider,
      row.threads,
      row.batch,
      formatMs(row.p50Ms),
      formatMs(row.p90Ms),
      formatMs(row.p99Ms),
      formatMs(row.minMs),
      formatMiB(row.sizeBytes),
      formatMiB(row.peakRssBytes),
      formatSeed(row.seedMs, row.p50Ms),
    ]);
  }
  const published = new Table({
    head: ['published by the seed', 'device', 'engine', 'prec.', 'MB', 'ms'],
    style: PLAIN_STYLE,
  });
  for (const { model, device, engine, precision, sizeMB, ms } of PUBLISHED) {
    published.push([model, device, engine, precision, sizeMB ?? '–', ms]);
  }
  const skipped = result.skipped.map(({ id, reason }) => `left out: ${id}: ${reason}`);
  return [
    hostLines(result).join('\n'),
    ours.toString(),
    ...skipped,
    'Published, measured by others on other devices; a ratio stands only beside the same device:',
    published.toString(),
  ].join('\n');
}

/** What figures are worth depends on this. */
export function hostLines({ board, host, versions }: BenchResult): readonly string[] {
  const memory = `${(host.memoryBytes / 1024 ** 3).toFixed(1)} GiB`;
  return [
    `board: ${board} (${host.kind})${host.virtual === null ? '' : `, virtual: ${host.virtual}`}`,
    `processor: ${host.cpu}, ${host.cores} cores, ${memory}, ` +
      `8-bit instruction: ${host.int8Instruction ?? 'none'}`,
    `governor: ${host.governor ?? '–'}, clock: ${formatChange(host.clockMHz, 'MHz')}, ` +
      `temperature: ${formatChange(host.temperatureC, '°C')}, ` +
      `throttling: ${host.throttling.join(', ') || 'none reported'}, ` +
      `load before: ${host.loadBefore.toFixed(1)}${host.loadBefore > BUSY ? ' (disturbed)' : ''}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  ];
}
