#!/usr/bin/env node
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hideBin } from 'yargs/helpers';
import { latencyChart } from '../bench/chart.js';
import { compareResults, comparisonTable } from '../bench/compare.js';
import { latencyPage, markdownSection } from '../bench/markdown.js';
import type { BenchResult } from '../bench/result.js';
import { readPeersResults, readResult, readResults } from '../bench/results-folder.js';
import { runBench } from '../bench/run-bench.js';
import { terminalTables } from '../bench/table.js';
import { parseBenchArguments } from './bench-arguments.js';
import { endQuietlyOnClosedPipe, note, print, printJson } from './output.js';
import { reportFailure } from './run-cli.js';

type BenchArguments = Awaited<ReturnType<typeof parseBenchArguments>>;

async function main(words: readonly string[]): Promise<void> {
  const args = await parseBenchArguments(words);
  // --help and --version have printed already.
  if (args.help === true || args.version === true) return;
  if (args.page !== undefined) {
    print(latencyPage(readResults(args.page), readPeersResults(args.page)).trimEnd());
  } else if (args.compare !== undefined) compare(args.compare, args.json);
  else await measureAndReport(args);
}

function compare(paths: readonly string[], json: boolean): void {
  const [before, after] = paths.map(readResult);
  if (before === undefined || after === undefined) return;
  const differences = compareResults(before, after);
  if (json) printJson(differences);
  else print(comparisonTable(differences));
}

async function measureAndReport(args: BenchArguments): Promise<void> {
  // Engines and optimised graphs of the bench are its own: it must not disturb a running daemon.
  const stateDir = await mkdtemp(join(tmpdir(), 'faceeval-bench-'));
  let result: BenchResult;
  try {
    result = await runBench({
      quick: args.quick,
      only: args.only,
      threads: args.threads,
      stateDir,
      modelsDir: args.models ?? null,
      providers: args.providers ?? null,
      onRow: (id, index, count) => note(`[${index + 1}/${count}] ${id}`),
    });
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
  const text = `${JSON.stringify(result, null, 2)}\n`;
  if (args.out !== undefined) await writeFile(args.out, text);
  if (args.markdown !== undefined) await writeFile(args.markdown, markdownSection(result));
  if (args.svg !== undefined) await writeFile(args.svg, await latencyChart(result));
  if (args.json) print(text.trimEnd());
  else print(terminalTables(result));
}

endQuietlyOnClosedPipe();
const words = hideBin(process.argv);
try {
  await main(words);
} catch (error) {
  process.exitCode = reportFailure(error, words.includes('--verbose'), 'faceeval-bench');
}
