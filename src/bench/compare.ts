import Table from 'cli-table3';
import { formatMs } from './format.js';
import type { BenchResult, BenchRow } from './result.js';

/** One row of two results. */
export interface Difference {
  readonly id: string;
  readonly beforeMs: number | null;
  readonly afterMs: number | null;
  /** After over before: below 1 is faster. */
  readonly ratio: number | null;
  readonly verdict: 'faster' | 'slower' | 'same' | 'only before' | 'only after';
}

/** A median that moved less than this is noise on a machine with other work. */
const NOISE = 0.07;

/** Compares the medians of two results, row by row. */
export function compareResults(before: BenchResult, after: BenchResult): readonly Difference[] {
  const ids = [...new Set([...before.rows, ...after.rows].map(({ id }) => id))];
  return ids.map((id) => {
    const a = findRow(before, id);
    const b = findRow(after, id);
    if (a === undefined || b === undefined) {
      const verdict = b === undefined ? 'only before' : 'only after';
      return { id, beforeMs: a?.p50Ms ?? null, afterMs: b?.p50Ms ?? null, ratio: null, verdict };
    }
    const ratio = b.p50Ms / a.p50Ms;
    return { id, beforeMs: a.p50Ms, afterMs: b.p50Ms, ratio, verdict: judge(ratio) };
  });
}

/** Why two results are hardly those of one change, as sentences; none when they are. */
export function caveatsOf(before: BenchResult, after: BenchResult): readonly string[] {
  const effort = ({ quick }: BenchResult) => (quick ? 'with --quick' : 'in full');
  return [
    ...(before.board === after.board
      ? []
      : [`these are two boards: before ${before.board}, after ${after.board}`]),
    ...(before.quick === after.quick
      ? []
      : [`before was measured ${effort(before)}, after ${effort(after)}`]),
  ];
}

function findRow(result: BenchResult, id: string): BenchRow | undefined {
  return result.rows.find((row) => row.id === id);
}

function judge(ratio: number): Difference['verdict'] {
  if (ratio < 1 - NOISE) return 'faster';
  return ratio > 1 + NOISE ? 'slower' : 'same';
}

/** The comparison as a table for a terminal. */
export function comparisonTable(differences: readonly Difference[]): string {
  const table = new Table({
    head: ['row', 'before p50 ms', 'after p50 ms', 'after / before', ''],
    style: { head: [], border: [] },
  });
  const show = (ms: number | null) => (ms === null ? '–' : formatMs(ms));
  for (const { id, beforeMs, afterMs, ratio, verdict } of differences) {
    table.push([id, show(beforeMs), show(afterMs), ratio?.toFixed(2) ?? '–', verdict]);
  }
  return table.toString();
}
