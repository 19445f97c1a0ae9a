import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CommandEntry, defineCommand } from '../../src/cli/command.js';
import { COMMANDS } from '../../src/cli/commands.js';
import { runCli } from '../../src/cli/run-cli.js';
import { FaceEvalError } from '../../src/domain/errors.js';

let out: string;
let err: string;
beforeEach(() => {
  out = '';
  err = '';
  const collect = (to: (text: string) => void) => (chunk: string | Uint8Array) => {
    to(String(chunk));
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(collect((text) => (out += text)) as never);
  vi.spyOn(process.stderr, 'write').mockImplementation(collect((text) => (err += text)) as never);
  vi.spyOn(console, 'log').mockImplementation((text) => {
    out += `${text}\n`;
  });
});
afterEach(() => vi.restoreAllMocks());

function entry(run: () => Promise<number | undefined>): CommandEntry {
  const command = defineCommand({
    declare: (yargs) => yargs.positional('photo', { type: 'string', demandOption: true }),
    run,
  });
  return { usage: 'identify <photo>', summary: 'Say who it is', load: async () => ({ command }) };
}

describe('the command line', () => {
  it('shows all commands without importing them', async () => {
    const load = vi.fn(() => Promise.reject(new Error('imported')));
    const entries = [{ usage: 'identify <photo>', summary: 'Say who it is', load }];
    expect(await runCli(['--help'], entries)).toBe(0);
    expect(out).toContain('identify <photo>');
    expect(load).not.toHaveBeenCalled();
  });

  it('gives the exit code of the command', async () => {
    expect(await runCli(['identify', 'a.jpg'], [entry(async () => 3)])).toBe(3);
    expect(await runCli(['identify', 'a.jpg'], [entry(async () => undefined)])).toBe(0);
  });

  it('suggests the command that was meant', async () => {
    expect(await runCli(['--config', 'x', 'idnetify', 'a.jpg'], [entry(async () => 0)])).toBe(64);
    expect(err).toBe(
      'faceeval: there is no command "idnetify"\n' +
        '  → did you mean identify? `faceeval --help` lists all commands\n',
    );
  });

  it('suggests the option that was meant', async () => {
    expect(await runCli(['hits', '--limt', '3'], COMMANDS)).toBe(64);
    expect(err).toMatch(
      /unknown argument: limt\n {2}→ did you mean --limit\? `faceeval hits --help`/,
    );
    expect(await runCli(['config', 'check', '--jsn'], COMMANDS)).toBe(64);
    expect(err).toMatch(/did you mean --json\?/);
  });

  it.each([
    [['identify', 'a.jpg', '--fast'], 'unknown argument: fast'],
    [['identify'], 'not enough non-option arguments'],
    [[], 'give a command'],
  ])('refuses %j', async (words, message) => {
    expect(await runCli(words, [entry(async () => 0)])).toBe(64);
    expect(err).toContain(message);
  });

  it('gives words behind -- to the command, whatever they begin with', async () => {
    const run = vi.fn(async () => 0);
    const command = defineCommand({
      declare: (yargs) =>
        yargs.positional('photo', { type: 'string' }).positional('more', { array: true }),
      run,
    });
    const load = async () => ({ command });
    const entries = [{ usage: 'identify <photo> [more..]', summary: 'Say who it is', load }];
    expect(await runCli(['identify', 'a.jpg', '--json', '--', '-b.jpg', 'c'], entries)).toBe(0);
    expect(run).toHaveBeenCalledWith(
      expect.objectContaining({ photo: 'a.jpg', more: ['-b.jpg', 'c'], json: true }),
    );
    expect(await runCli(['identify', 'a.jpg', '--', '-b.jpg'], [entry(async () => 0)])).toBe(64);
  });

  it('ends an option that takes many values at --, whatever word follows', async () => {
    const run = vi.fn(async () => 0);
    const command = defineCommand({
      declare: (yargs) =>
        yargs.positional('set', { type: 'string' }).option('keep', { type: 'string', array: true }),
      run,
    });
    const entries = [{ usage: 'clean <set>', summary: 'Clean', load: async () => ({ command }) }];
    for (const set of ['data/people', 'true', '-set']) {
      expect(await runCli(['clean', '--keep', 'a', 'b', '--', set], entries)).toBe(0);
      expect(run).toHaveBeenLastCalledWith(expect.objectContaining({ keep: ['a', 'b'], set }));
    }
    await runCli(['clean', '--help'], entries);
    expect(out).not.toContain('end-of-values');
  });

  it.each([
    [['detect', 'a.jpg', '--min-face', '20', '--min-face', '30'], /--min-face can be given once/],
    [['detect', 'a.jpg', '--min-face', 'abc'], /--min-face takes a number/],
    [['detect', 'a.jpg', '--min-face', '0'], /--min-face takes a whole number from 12 on/],
    [['detect', 'a.jpg', '--draw', 'a.jpg', '--draw', 'b.jpg'], /--draw can be given once/],
    [['detect', 'a.jpg', '--draw', '/not/there/a.jpg'], /--draw cannot be written: ENOENT/],
    [
      ['evaluate', 'lfw', '--images', 'lfw', '--pairs', 'pairs.txt', '--roc', '/not/there/r.svg'],
      /--roc cannot be written: ENOENT/,
    ],
    [['hits', '--since', '99999999y'], /99999999y is too long/],
    [['status', '--config'], /not enough arguments following: config/],
    [['enroll', 'Bob', '--stranger'], /not enough arguments following: stranger/],
  ])('takes the slip in %j for one', async (words, message) => {
    expect(await runCli(words, COMMANDS)).toBe(64);
    expect(err).toMatch(message);
  });

  it('prints message and hint of an error, and its stack only when asked', async () => {
    const error = new FaceEvalError('IMAGE', 'no face found', {
      hint: 'take a sharper photo',
      cause: new Error('inner'),
    });
    const entries = [entry(() => Promise.reject(error))];
    expect(await runCli(['identify', 'a.jpg'], entries)).toBe(65);
    expect(err).toBe('faceeval: no face found\n  → take a sharper photo\n');
    await runCli(['identify', 'a.jpg', '--verbose'], entries);
    expect(err).toContain('caused by Error: inner');
  });

  it('calls anything else a bug', async () => {
    const entries = [entry(() => Promise.reject(new TypeError('x is undefined')))];
    expect(await runCli(['identify', 'a.jpg'], entries)).toBe(70);
    expect(err).toContain('unexpected error: x is undefined');
  });

  it('has a module behind every line of the table', async () => {
    for (const { usage, load } of COMMANDS) {
      const { command } = await load();
      expect(typeof command.run, usage).toBe('function');
    }
    // Each is compiled when it is first asked for, beside other tests.
  }, 120_000);
});

describe('faceeval config', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'faceeval-cli-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const file = (text: string) => {
    const path = join(folder, 'faceeval.yaml');
    writeFileSync(path, text);
    return path;
  };

  it('check accepts and refuses', async () => {
    const good = file('cameras: [{id: door, source: csi}]\n');
    expect(await runCli(['config', 'check', '--config', good], COMMANDS)).toBe(0);
    expect(out).toBe(`${good}: ok, 1 camera\n`);
    const bad = file('nodes: a\n');
    expect(await runCli(['config', 'check', '--config', bad], COMMANDS)).toBe(78);
    expect(err).toContain(`${bad}:1:1: unknown key "nodes"; did you mean node?`);
  });

  it('print masks secrets and shows defaults', async () => {
    const path = file('mqtt: {url: "mqtt://u:p4ss@broker"}\n');
    expect(await runCli(['config', 'print', '--config', path, '--json'], COMMANDS)).toBe(0);
    expect(out).not.toContain('p4ss');
    expect(JSON.parse(out)).toMatchObject({ mqtt: { baseTopic: 'faceeval' } });
  });

  it('schema is JSON', async () => {
    await runCli(['config', 'schema'], COMMANDS);
    expect(JSON.parse(out)).toMatchObject({ type: 'object', additionalProperties: false });
  });
});
