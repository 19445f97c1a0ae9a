import { formatMiB, formatMs, formatSeed, tableRow } from './format.js';
import { peersSection } from './peers-markdown.js';
import type { PeersResult } from './peers-result.js';
import { PUBLISHED } from './published.js';
import type { BenchResult } from './result.js';
import { hostLines } from './table.js';

/** One result as a section of Markdown. */
export function markdownSection(result: BenchResult): string {
  const rows = result.rows.map((row) =>
    tableRow([
      `\`${row.id}\``,
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
      row.note ?? '',
    ]),
  );
  return [
    `## ${result.board}`,
    '',
    `Measured ${result.measuredAt.slice(0, 10)}${result.quick ? ', quick run' : ''}.`,
    '',
    ...hostLines(result).map((line) => `- ${line}`),
    '',
    '| row | precision | provider | threads | batch | p50 ms | p90 | p99 | min | model MiB ' +
      '| peak memory MiB | seed, same device (ratio) | |',
    '|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|',
    ...rows,
    ...result.skipped.map(({ id, reason }) => `\nLeft out: \`${id}\`: ${reason}.`),
    '',
  ].join('\n');
}

/** docs/latency.md: all kept results, and what the seed published. */
export function latencyPage(
  results: readonly BenchResult[],
  peers: readonly PeersResult[] = [],
): string {
  const published = PUBLISHED.map(({ model, device, engine, precision, sizeMB, ms }) =>
    tableRow([model, device, engine, precision, sizeMB ?? '–', ms]),
  );
  return [
    '# Latency',
    '',
    'Made by `faceeval-bench --page bench/results > docs/latency.md` from the results kept in',
    'bench/results/. Every figure of ours was measured on the device that its section names;',
    'devices without a section were not measured. Times are those of one run, batch and all;',
    'peak memory is that of the process that ran the one row.',
    '',
    ...results.map(markdownSection),
    ...peers.map(peersSection),
    '## Published by the seed system',
    '',
    'Not measured by us. A ratio stands beside a row of ours only where the device is the same.',
    '',
    '| model | device | engine | precision | size MB | ms |',
    '|---|---|---|---|---:|---:|',
    ...published,
    '',
  ].join('\n');
}
