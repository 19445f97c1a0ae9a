import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CleanReport } from '../../src/dataset/clean.js';
import { compiledPath } from '../compiled.js';
import { PLANTED, treeOf, writeFaultySet } from './sample-set.js';

let parent: string;
let original: string;
let copies = 0;
let set: string;
beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'faceeval-clean-'));
  original = join(parent, 'original');
  await writeFaultySet(original);
}, 120_000);
afterAll(() => rmSync(parent, { recursive: true, force: true }));
beforeEach(() => {
  set = join(parent, `set${++copies}`);
  cpSync(original, set, { recursive: true, preserveTimestamps: true });
});

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

function start(args: readonly string[], more: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [compiledPath('cli/faceeval.js'), 'data', ...args], {
    cwd: parent,
    env: { ...process.env, FACEEVAL__STATE_DIR: join(parent, 'state'), ...more },
  });
  running.add(child);
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    said.out += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    said.err += String(chunk);
  });
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, ...said }));
  return { child, ended };
}

const data = (...args: string[]) => start(args).ended;
const reportOf = (out: string) => JSON.parse(out) as CleanReport;
const reasonsOf = ({ rejections }: CleanReport) =>
  Object.fromEntries(rejections.map(({ path, reason }) => [path, reason]));

/** Waits until a run has kept what it found of one batch, and not of all. */
async function untilHalfDone(): Promise<void> {
  const journal = `${set}.faceeval/findings.jsonl`;
  const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length : 0);
  while (lines() < 8) await new Promise((resolve) => setTimeout(resolve, 5));
}

const TIMEOUT_MS = 180_000;

describe('faceeval data clean', () => {
  it(
    'finds every planted fault and nothing else, and a dry run moves nothing',
    async () => {
      const before = treeOf(set);
      const { code, out, err } = await data('clean', set, '--dry-run', '--json');
      const report = reportOf(out);
      expect([err, code]).toEqual(['', 1]);
      expect(reasonsOf(report)).toEqual(PLANTED);
      expect(report).toMatchObject({ images: 22, identities: 3, recalled: 0, dryRun: true });
      const details = new Map(report.rejections.map(({ path, detail }) => [path, detail]));
      expect(details.get('ann/5.jpg')).toBe('the file is cut short');
      expect(details.get('ann/6.jpg')).toMatch(/^the data inside is damaged: /);
      expect(details.get('ann/7.jpg')).toBe('the file is empty');
      expect(details.get('ann/8.jpg')).toBe('a copy of bob/1.jpg');
      expect(details.get('bob/5.jpg')).toBe('the content is png');
      expect(details.get('bob/7.jpg')).toMatch(/looks like ann \(0\.\d\d\)$/);
      expect(details.get('cid/5.jpg')).toBe('a copy of cid/1.jpg');
      expect(details.get('cid/6.jpg')).toBe('2 faces');
      expect(treeOf(set)).toEqual(before);
      expect(existsSync(`${set}.rejected`)).toBe(false);
    },
    TIMEOUT_MS,
  );

  it(
    'moves them aside, is content with the rest, and brings them back',
    async () => {
      const before = treeOf(set);
      const { code, out } = await data('clean', set);
      expect(code).toBe(0);
      expect(out).toContain(`10 moved to ${set}.rejected`);
      expect(out).toMatch(/mislabelled +│ 1 +│ bob\/7\.jpg: unlike the identity's others/);
      for (const [path, reason] of Object.entries(PLANTED)) {
        expect(existsSync(join(set, path)), path).toBe(false);
        expect(existsSync(join(`${set}.rejected`, reason, path)), path).toBe(true);
      }
      const again = reportOf((await data('clean', set, '--json')).out);
      expect(again).toMatchObject({ rejections: [], images: 12, recalled: 12 });
      const restored = await data('restore', set, '--json');
      expect(JSON.parse(restored.out)).toMatchObject({ restored: 10, blocked: [] });
      expect(treeOf(set)).toEqual(before);
    },
    TIMEOUT_MS,
  );

  it(
    'lets faults pass when it is asked to',
    async () => {
      const args = ['--keep', 'wrong-type', 'mislabelled', '--second-face', '1', '--dry-run'];
      const report = reportOf((await data('clean', set, ...args, '--json')).out);
      const reasons = new Set(Object.values(reasonsOf(report)));
      expect(reasons.has('wrong-type')).toBe(false);
      expect(reasons.has('mislabelled')).toBe(false);
      expect(reasons.has('broken')).toBe(true);
    },
    TIMEOUT_MS,
  );

  it(
    'looks again at an image that could not be read, or whose process died',
    async () => {
      const trouble = join(parent, 'trouble.mjs');
      writeFileSync(trouble, TROUBLE);
      const args = ['clean', set, '--dry-run', '--json'];
      const env = { NODE_OPTIONS: `--import ${trouble}` };
      const { rejections } = reportOf((await start(args, env).ended).out);
      const details = new Map(rejections.map(({ path, detail }) => [path, detail]));
      expect(details.get('ann/1.jpg')).toBe('the file cannot be read (EACCES)');
      expect(details.get('bob/1.jpg')).toBe('the process ended (SIGKILL)');
      const report = reportOf((await data(...args)).out);
      expect(report.recalled).toBe(20);
      expect(reasonsOf(report)).toEqual(PLANTED);
    },
    TIMEOUT_MS,
  );

  it(
    'goes on after a kill as if it had not been',
    async () => {
      const { child, ended } = start(['clean', set, '--jobs', '1']);
      await untilHalfDone();
      child.kill('SIGKILL');
      await ended;
      const { code, out } = await data('clean', set, '--json');
      const report = reportOf(out);
      expect(code).toBe(0);
      expect(report.recalled).toBeGreaterThan(0);
      expect(report.recalled).toBeLessThan(22);
      expect(reasonsOf(report)).toEqual(PLANTED);
      expect(Object.keys(treeOf(`${set}.rejected`))).toHaveLength(10);
    },
    TIMEOUT_MS,
  );

  it(
    'stops at Ctrl-C, says how to go on, and goes on',
    async () => {
      const { child, ended } = start(['clean', set, '--jobs', '1']);
      await untilHalfDone();
      child.kill('SIGINT');
      const stopped = await ended;
      expect(stopped).toMatchObject({ code: 130, out: '' });
      expect(stopped.err).toContain('the same command goes on from here');
      expect(existsSync(`${set}.faceeval/lock`)).toBe(false);
      const report = reportOf((await data('clean', set, '--json')).out);
      expect(report.recalled).toBeGreaterThan(0);
      expect(reasonsOf(report)).toEqual(PLANTED);
    },
    TIMEOUT_MS,
  );
});

/** Loaded into a run: one image cannot be read, another ends the process that reads it. */
const TROUBLE = `
  import promises from 'node:fs/promises';
  import { syncBuiltinESMExports } from 'node:module';
  const { readFile } = promises;
  promises.readFile = async (path, ...more) => {
    if (String(path).endsWith('ann/1.jpg')) throw Object.assign(new Error(), { code: 'EACCES' });
    if (String(path).endsWith('bob/1.jpg')) process.kill(process.pid, 'SIGKILL');
    return readFile(path, ...more);
  };
  syncBuiltinESMExports();
`;

describe('faceeval data stats --faces', () => {
  it(
    'counts faces, and clean need not look again',
    async () => {
      const { code, out } = await data('stats', set, '--faces', '--json');
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({
        identities: 3,
        images: 22,
        imagesPerIdentity: { min: 7, max: 8 },
        types: { jpeg: 19, png: 1, none: 2 },
        faces: { none: 1, one: 16, several: 1, unreadable: 4 },
      });
      const report = reportOf((await data('clean', set, '--dry-run', '--json')).out);
      expect(report.recalled).toBe(22);
    },
    TIMEOUT_MS,
  );
});
