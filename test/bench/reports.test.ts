import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { latencyChart } from '../../src/bench/chart.js';
import { caveatsOf, compareResults, comparisonTable } from '../../src/bench/compare.js';
import { latencyPage } from '../../src/bench/markdown.js';
import { measure } from '../../src/bench/measure.js';
import { PUBLISHED, seedMsFor } from '../../src/bench/published.js';
import { type BenchResult, type BenchRow, benchResult } from '../../src/bench/result.js';
import { readPeersResults, readResults } from '../../src/bench/results-folder.js';
import { summarise } from '../../src/bench/statistics.js';
import { terminalTables } from '../../src/bench/table.js';

const row = (id: string, p50Ms: number, over: Partial<BenchRow> = {}): BenchRow => ({
  id,
  model: 'resnet50',
  build: id,
  precision: 'int8',
  provider: 'cpu',
  threads: 3,
  batch: 1,
  runs: 100,
  p50Ms,
  p90Ms: p50Ms * 1.1,
  p99Ms: p50Ms * 1.3,
  minMs: p50Ms * 0.9,
  sizeBytes: 40_000_000,
  peakRssBytes: 200_000_000,
  seedMs: null,
  ...over,
});

const result = (rows: BenchRow[]): BenchResult =>
  benchResult.parse({
    schema: 1,
    measuredAt: '2026-11-24T10:00:00.000Z',
    board: 'Raspberry Pi 4 Model B Rev 1.5',
    host: {
      kind: 'pi-4',
      cpu: 'Cortex-A72',
      cores: 4,
      memoryBytes: 4e9,
      int8Instruction: null,
      governor: 'performance',
      clockMHz: { before: 1800, after: 1500 },
      temperatureC: { before: 48.2, after: 79.6 },
      throttling: ['throttled since start'],
      loadBefore: 1.4,
      virtual: null,
    },
    versions: { faceeval: '0.1.0', onnxruntime: '1.30.0' },
    quick: false,
    rows,
    skipped: [{ id: 'resnet50-fp16/batch-1', reason: 'FP16 needs a GPU provider' }],
  });

describe('statistics', () => {
  it('gives figures that were measured', () => {
    const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(summarise(samples)).toEqual({ p50Ms: 50, p90Ms: 90, p99Ms: 99, minMs: 1 });
    expect(summarise([7])).toEqual({ p50Ms: 7, p90Ms: 7, p99Ms: 7, minMs: 7 });
    expect(() => summarise([])).toThrow(RangeError);
  });

  it('warms up before the clock starts and keeps its limits', async () => {
    let runs = 0;
    const work = async () => {
      runs++;
    };
    const effort = { warmUpRuns: 4, minRuns: 5, maxRuns: 20, budgetMs: 60_000 };
    expect(await measure(work, effort)).toHaveLength(20);
    expect(runs).toBe(24);
    expect(await measure(work, { ...effort, budgetMs: 0 })).toHaveLength(5);
  });

  it('rests before each run, and does not count it', async () => {
    const ends: number[] = [];
    const work = async () => {
      ends.push(performance.now());
    };
    const effort = { warmUpRuns: 1, minRuns: 3, maxRuns: 3, budgetMs: 0 };
    const samplesMs = await measure(work, effort, 50);
    const gapsMs = ends.slice(1).map((end, i) => end - (ends[i] as number));
    expect(gapsMs.every((gapMs) => gapMs > 45)).toBe(true);
    expect(Math.min(...samplesMs)).toBeLessThan(25);
  });
});

describe('the published rows', () => {
  it('stand beside ours on the same device only', () => {
    expect(seedMsFor('resnet50-int8', 'pi-4')).toBe(167.81);
    expect(seedMsFor('resnet50-fp32', 'pi-4')).toBe(243.22);
    expect(seedMsFor('mtcnn', 'jetson-nano')).toBe(138.41);
    expect(seedMsFor('resnet50-int8', 'pi-5')).toBeNull();
    expect(seedMsFor('mtcnn', 'x86-vnni')).toBeNull();
    expect(seedMsFor(undefined, 'pi-4')).toBeNull();
  });
});

describe('reports', () => {
  const ours = result([row('resnet50-int8/batch-1', 60, { seedMs: 167.81 })]);

  it('the terminal shows ratio, heat and what was left out', () => {
    const text = terminalTables(ours);
    expect(text).toContain('168 (2.8×)');
    expect(text).toContain('temperature: 48 → 80 °C');
    expect(text).toContain('throttling: throttled since start, load before: 1.4 (disturbed)');
    expect(text).toContain('left out: resnet50-fp16/batch-1: FP16 needs a GPU provider');
    expect(text.indexOf('Published, measured by others')).toBeGreaterThan(
      text.indexOf('resnet50-int8'),
    );
  });

  it('the page keeps the published rows in a section of their own', () => {
    const [measured = '', published = ''] = latencyPage([ours]).split('## Published');
    expect(measured).toContain('| `resnet50-int8/batch-1` | int8 | cpu | 3 | 1 | 60.0 |');
    expect(measured).not.toContain('Tesla V100');
    for (const { ms } of PUBLISHED) expect(published).toContain(`| ${ms} |`);
  });

  it('the chart is an SVG with both kinds of bars', async () => {
    const svg = await latencyChart(ours);
    expect(svg).toMatch(/^<svg/);
    expect(svg).toContain('resnet50-int8/batch-1');
    expect(svg).toContain('published by the seed');
  });
});

describe('--compare', () => {
  it('tells faster, slower, noise and rows of one side', () => {
    const before = result([row('a', 10), row('b', 10), row('c', 10), row('gone', 1)]);
    const after = result([row('a', 5), row('b', 10.5), row('c', 12), row('new', 1)]);
    const differences = compareResults(before, after);
    expect(differences.map(({ id, verdict }) => [id, verdict])).toEqual([
      ['a', 'faster'],
      ['b', 'same'],
      ['c', 'slower'],
      ['gone', 'only before'],
      ['new', 'only after'],
    ]);
    expect(differences[0]?.ratio).toBe(0.5);
    expect(comparisonTable(differences)).toContain('only after');
  });
});

describe('the caveats of --compare', () => {
  const pi = result([row('a', 10)]);

  it('name two boards and two efforts', () => {
    expect(caveatsOf(pi, { ...pi, board: 'Jetson Nano', quick: true })).toEqual([
      'these are two boards: before Raspberry Pi 4 Model B Rev 1.5, after Jetson Nano',
      'before was measured in full, after with --quick',
    ]);
  });

  it('are none for results of one board', () => expect(caveatsOf(pi, pi)).toEqual([]));
});

describe('docs/latency.md', () => {
  it('is made from the kept results (`npm run docs` writes it)', () => {
    const root = join(import.meta.dirname, '../..');
    const results = join(root, 'bench/results');
    const page = latencyPage(readResults(results), readPeersResults(results));
    expect(readFileSync(join(root, 'docs/latency.md'), 'utf8').trimEnd()).toBe(page.trimEnd());
  });
});
