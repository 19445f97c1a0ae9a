#!/usr/bin/env node
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hideBin } from 'yargs/helpers';
import { latencyChart } from '../bench/chart.js';
import { caveatsOf, compareResults, comparisonTable } from '../bench/compare.js';
import { latencyPage, markdownSection } from '../bench/markdown.js';
import type { BenchResult } from '../bench/result.js';
import { readPeersResults, readResult, readResults } from '../bench/results-folder.js';
import { runBench } from '../bench/run-bench.js';
import { terminalTables } from '../bench/table.js';
import { parseBenchArguments } from './bench-arguments.js';
import { endQuietlyOnClosedPipe, note, print, printJson } from './output.js';
import { reportFailure } from './run-cli.js';
import { stoppable } from './stoppable.js';
import { requireTarget, writeTarget } from './target-file.js';
import { requireWhole } from './whole-number.js';

/** Exit code when no row could be measured. */
const EXIT_NOTHING = 1;
/** As the configuration has it. */
const MOST_THREADS = 64;

type BenchArguments = Awaited<ReturnType<typeof parseBenchArguments>>;

async function main(words: readonly string[]): Promise<number> {
  const args = await parseBenchArguments(words);
  // --help and --version have printed already.
  if (args.help === true || args.version === true) return 0;
  if (args.page !== undefined) {
    print(latencyPage(readResults(args.page), readPeersResults(args.page)).trimEnd());
    return 0;
  }
  if (args.compare !== undefined) return compare(args.compare, args.json);
  return stoppable((signal) => measureAndReport(args, signal), 'stopped; nothing was kept');
}

function compare(paths: readonly string[], json: boolean): number {
  const [before, after] = paths.map(readResult);
  if (before === undefined || after === undefined) return 0;
  for (const caveat of caveatsOf(before, after)) note(`note: ${caveat}`);
  const differences = compareResults(before, after);
  if (json) printJson(differences);
  else print(comparisonTable(differences));
  return 0;
}

async function measureAndReport(args: BenchArguments, signal: AbortSignal): Promise<number> {
  const { out, markdown, svg } = args;
  for (const [option, path] of Object.entries({ out, markdown, svg })) {
    if (path !== undefined) requireTarget(option, path);
  }
  const result = await measure(args, signal);
  // The result first: the work of minutes must not be lost with a file that cannot be written.
  if (args.json) printJson(result);
  else print(terminalTables(result));
  if (out !== undefined) await writeTarget(out, `${JSON.stringify(result, null, 2)}\n`);
  if (markdown !== undefined) await writeTarget(markdown, markdownSection(result));
  if (svg !== undefined) await writeTarget(svg, await latencyChart(result));
  return result.rows.length === 0 ? EXIT_NOTHING : 0;
}

async function measure(args: BenchArguments, signal: AbortSignal): Promise<BenchResult> {
  const threads = requireWhole('threads', args.threads, 0, MOST_THREADS);
  // Engines and optimised graphs of the bench are its own: it must not disturb a running daemon.
  const stateDir = await mkdtemp(join(tmpdir(), 'faceeval-bench-'));
  try {
    return await runBench({
      quick: args.quick,
      only: args.only,
      threads,
      stateDir,
      modelsDir: args.models ?? null,
      providers: args.providers ?? null,
      onRow: (id, index, count) => note(`[${index + 1}/${count}] ${id}`),
      signal,
    });
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}

endQuietlyOnClosedPipe();
const words = hideBin(process.argv);
try {
  process.exitCode = await main(words);
} catch (error) {
  process.exitCode = reportFailure(error, words.includes('--verbose'), 'faceeval-bench');
}
