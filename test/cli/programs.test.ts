import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { benchResult } from '../../src/bench/result.js';

const ROOT = join(import.meta.dirname, '../..');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-programs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(program: string, args: readonly string[], env = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { cwd: ROOT, env: { ...process.env, ...env } };
    const child = execFile(program, args, options, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

const faceeval = (args: readonly string[], env = {}) =>
  run(process.execPath, ['dist/cli/faceeval.js', ...args], env);
const bench = (...args: string[]) => run(process.execPath, ['dist/cli/faceeval-bench.js', ...args]);

describe('faceeval', () => {
  it('shows its help quickly and without loading models', async () => {
    const startMs = performance.now();
    const { code, out } = await faceeval(['--help']);
    expect(code).toBe(0);
    expect(out).toContain('faceeval doctor');
    expect(performance.now() - startMs).toBeLessThan(3_000);
  });

  it('survives a closed pipe', async () => {
    const command = `"${process.execPath}" dist/cli/faceeval.js config schema | head -n 1`;
    const { code, err } = await run('bash', ['-o', 'pipefail', '-c', command]);
    expect([code, err]).toEqual([0, '']);
  });
});

describe('faceeval doctor', () => {
  const stateDir = () => ({ FACEEVAL__STATE_DIR: join(folder, 'state') });

  it('finds nothing wrong with what is shipped', async () => {
    const { code, out } = await faceeval(['doctor', '--json'], {
      ...stateDir(),
      FACEEVAL__MQTT__EMBEDDED__PORT: '0',
    });
    const report = JSON.parse(out) as { ok: boolean; findings: { level: string; text: string }[] };
    expect(report.findings.filter(({ level }) => level === 'problem')).toEqual([]);
    expect([code, report.ok]).toEqual([0, true]);
    expect(report.findings.map(({ text }) => text).join('\n')).toMatch(/detector: mtcnn-\S+ \(/);
  });

  it('ends with 1 and says what to do when there is a problem', async () => {
    const { code, out } = await faceeval(['doctor'], {
      ...stateDir(),
      FACEEVAL__CAMERAS: '[{id: door, source: /dev/video97}]',
    });
    expect(code).toBe(1);
    expect(out).toMatch(/\[ FAIL \] cameras door: \/dev\/video97 is not there\n +→ plug it in/);
    expect(out.trim().split('\n').at(-1)).toBe('Problems: 1.');
  });
});

describe('faceeval-bench', () => {
  it('measures rows and gives the result as JSON, Markdown and SVG', async () => {
    const [json, markdown, svg] = ['r.json', 'r.md', 'r.svg'].map((name) => join(folder, name));
    const { code, out, err } = await bench(
      ...['--quick', '--json', '--only', 'align', '--only', 'decode/jpeg'],
      ...['--out', json as string, '--markdown', markdown as string, '--svg', svg as string],
    );
    expect(code, err).toBe(0);
    const result = benchResult.parse(JSON.parse(out));
    expect(result.rows.map(({ id }) => id)).toEqual(['align', 'decode/jpeg-1280x720']);
    for (const { minMs, p50Ms, p90Ms, p99Ms, peakRssBytes } of result.rows) {
      expect(minMs).toBeGreaterThan(0);
      expect(p50Ms).toBeGreaterThanOrEqual(minMs);
      expect(p90Ms).toBeGreaterThanOrEqual(p50Ms);
      expect(p99Ms).toBeGreaterThanOrEqual(p90Ms);
      expect(peakRssBytes).toBeGreaterThan(20_000_000);
    }
    expect(err).toContain('[2/2] decode/jpeg-1280x720');
    const compared = await bench('--compare', json as string, json as string, '--json');
    expect(JSON.parse(compared.out)).toMatchObject([{ ratio: 1, verdict: 'same' }, { ratio: 1 }]);
    const page = await bench('--page', folder);
    expect(page.out).toContain('# Latency');
    expect(page.out).toContain('`align`');
  }, 60_000);

  it('tells why a row was left out and goes on', async () => {
    const manifest = { builds: [{ ...UNKNOWN_BUILD }] };
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
    const { code, out } = await bench('--quick', '--json', '--models', folder, '--only', 'gone');
    // No row at all is no success, whatever the reason.
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      rows: [],
      skipped: [
        { id: 'gone/batch-1', reason: expect.stringContaining('gone.onnx is not installed') },
      ],
    });
    rmSync(join(folder, 'manifest.json'));
  });

  it.each([
    [['--only', 'nomatch'], /no row has nomatch in its id\n {2}→ there is: .*align/],
    [['--threads', '-1'], /--threads takes a whole number from 0 to 64/],
    [['--threads', 'abc'], /--threads takes a number/],
    [['--page', '/not/there'], /cannot read the results: ENOENT/],
    [['--out', '/not/there/o.json'], /--out cannot be written: ENOENT/],
  ])('says before any work what is wrong with %j', async (args, message) => {
    const { code, err } = await bench(...args);
    expect(code).toBe(64);
    expect(err).toMatch(message);
  });

  it('leaves nothing behind when it is stopped', async () => {
    const tmp = join(folder, 'tmp');
    mkdirSync(tmp);
    const child = spawn(process.execPath, ['dist/cli/faceeval-bench.js', '--only', 'align'], {
      cwd: ROOT,
      env: { ...process.env, TMPDIR: tmp },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const exit = once(child, 'exit');
    await once(child.stderr, 'data');
    expect(readdirSync(tmp)).toHaveLength(1);
    child.kill('SIGTERM');
    expect(await exit).toEqual([130, null]);
    expect(readdirSync(tmp)).toEqual([]);
  });

  it('refuses what it does not know', async () => {
    expect(await bench('--quik')).toMatchObject({ code: 64, err: expect.stringContaining('quik') });
    expect(await bench('--compare', 'one.json')).toMatchObject({
      code: 64,
      err: expect.stringContaining('Not enough arguments following: compare'),
    });
    expect(await bench('--out', 'a', '--out', 'b')).toMatchObject({
      code: 64,
      err: expect.stringContaining('--out can be given once only'),
    });
    const file = join(folder, 'no.json');
    expect(await bench('--compare', file, file)).toMatchObject({
      code: 64,
      err: expect.stringContaining('no result of the bench'),
    });
  });
});

const UNKNOWN_BUILD = {
  id: 'gone',
  role: 'recogniser',
  family: 'gone',
  precision: 'fp32',
  files: [{ name: 'net', path: 'gone.onnx', sha256: '0'.repeat(64), bytes: 1 }],
  source: 'nowhere',
  licence: 'MIT',
  weights: 'untrained',
  input: {},
  output: {},
};
