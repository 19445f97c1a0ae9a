import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { statusSchema } from '../../src/daemon/status-report.js';
import { renderFootage, writeEnrolmentPhotos } from '../../src/demo/footage.js';
import {
  DaemonProcess,
  killDaemons,
  PROGRAM,
  runProgram,
  scratchFolder,
} from './daemon-process.js';

const scratch = scratchFolder();
const footage = join(scratch.dir, 'footage.mp4');
const people = join(scratch.dir, 'people');
const home = join(scratch.dir, 'home');
const config = join(home, 'faceeval.yaml');

/** Runs a command on the state of the test; JSON where there is some. */
function faceeval(...args: string[]) {
  const { status, stdout, stderr } = runProgram([...args, '--json', '--config', config]);
  return { status, stderr, result: stdout === '' ? undefined : JSON.parse(stdout) };
}

const plain = (...args: string[]) => runProgram([...args, '--config', config]);

beforeAll(async () => {
  mkdirSync(people);
  await Promise.all([renderFootage(footage), writeEnrolmentPhotos(people)]);
});
afterAll(() => {
  killDaemons();
  scratch.remove();
});

describe('the commands about a daemon', { timeout: 120_000 }, () => {
  let daemon: DaemonProcess;
  const start = () =>
    DaemonProcess.start(home, { cameras: [{ id: 'door', source: footage, loop: true }] });

  /** `faceeval watch`, whose lines are collected. */
  function watch(...args: string[]): { child: ChildProcess; out: string[]; err: string[] } {
    const child = spawn(process.execPath, [PROGRAM, 'watch', ...args, '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err] = [[], []] as [string[], string[]];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => out.push(...linesOf(text)));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => err.push(...linesOf(text)));
    return { child, out, err };
  }
  const linesOf = (text: string): string[] => text.split('\n').filter(Boolean);

  beforeAll(async () => {
    daemon = await start();
    expect(faceeval('enroll', '--from', people).status).toBe(0);
  });

  it('status tells how it does, for people and for programs', async () => {
    await daemon.until('a hit', () => daemon.hits.length > 0);
    await daemon.until('the first figures of the camera', () => {
      const { cameras } = statusSchema.parse(faceeval('status').result);
      return cameras.some(({ frameAgeMs }) => frameAgeMs !== null);
    });
    const { status, result } = faceeval('status');
    const report = statusSchema.parse(result);
    expect([status, report.status]).toEqual([0, 'ok']);
    expect(report).toMatchObject({
      pid: daemon.child.pid,
      stateDir: join(home, 'state'),
      broker: { connected: true, problem: null },
      gallery: { people: 2 },
      vision: { state: 'running', restarts: 0 },
    });
    expect(report.cameras).toMatchObject([{ camera: 'door', state: 'online', reason: null }]);
    expect(report.cameras[0]?.frameAgeMs).toBeLessThan(10_000);
    expect(report.latencyMs.stages.detect?.p99).toBeGreaterThan(0);
    expect(report.lastHit?.camera).toBe('door');
    const { stdout } = plain('status');
    expect(stdout).toMatch(/^faceeval .*: all is well\n/);
    expect(stdout).toMatch(/camera +state +fps +last frame/);
    expect(statSync(join(home, 'state', 'control.sock')).mode & 0o777).toBe(0o600);
  });

  it('keeps a second daemon away', () => {
    const { status, stderr } = plain('run');
    expect(status).toBe(73);
    expect(stderr).toMatch(/another faceeval works with .*state already/);
  });

  it('a daemon that cannot start ends and says why, whatever was started before', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const other = join(scratch.dir, 'other.yaml');
    const settings = {
      stateDir: join(scratch.dir, 'other'),
      mqtt: { url: 'embedded', embedded: { port: 0 } },
      http: { port },
      cameras: [{ id: 'door', source: footage }],
    };
    writeFileSync(other, stringify(settings));
    const { status, stderr } = runProgram(['run', '--config', other]);
    server.close();
    expect(status).toBe(78);
    expect(stderr).toMatch(/health and metrics cannot be served on 127.0.0.1:\d+: something else/);
  });

  it('watch follows it over a restart and repeats nothing', async () => {
    const lines = watch('--last', '1', '--json');
    const readable = watch('--last', '1');
    await daemon.until('earlier and new hits', () => lines.out.length > 2, 60_000);
    expect(readable.out[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}door {10}\S/);
    expect(await daemon.stop()).toBe(0);
    daemon = await start();
    const before = lines.out.length;
    await daemon.until('hits of the new daemon', () => lines.out.length > before, 60_000);
    expect(lines.err).toEqual(['the daemon is gone: waiting for it', 'the daemon is back']);
    const ids = lines.out.map((line) => (JSON.parse(line) as { id: string }).id);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
    for (const { child } of [lines, readable]) {
      child.kill('SIGINT');
      const [code] = (await once(child, 'exit')) as [number];
      expect(code).toBe(0);
    }
    expect(faceeval('status').result.status).toBe('ok');
  });

  it('strangers can be seen, named, merged and ignored while it runs', async () => {
    await daemon.until('strangers', () => faceeval('strangers').result.length >= 5, 60_000);
    const [first, second, third, fourth] = faceeval('strangers').result as { number: number }[];
    const at = (stranger: { number: number } | undefined) => String(stranger?.number);
    const picture = join(scratch.dir, 'face.jpg');
    expect(faceeval('strangers', 'show', at(first), '--out', picture).status).toBe(0);
    expect(readFileSync(picture).subarray(0, 2).toString('hex')).toBe('ffd8');
    expect(faceeval('strangers', 'show', at(first), '--out', picture)).toMatchObject({
      status: 64,
      stderr: expect.stringContaining('cannot be written'),
    });
    const named = faceeval('strangers', 'name', at(first), 'Sam');
    expect(named.result).toMatchObject({ identity: { name: 'Sam' } });
    expect(named.result.templates).toBeGreaterThan(0);
    expect(faceeval('strangers', 'merge', at(third), at(second)).status).toBe(0);
    expect(faceeval('strangers', 'ignore', at(fourth)).status).toBe(0);
    expect(faceeval('strangers').result).toContainEqual(
      expect.objectContaining({ number: fourth?.number, anchor: 'ignored' }),
    );
    expect(faceeval('strangers', 'ignore', at(fourth), '--undo').status).toBe(0);
    await daemon.until(
      'the named one to be recognised',
      () => daemon.hits.some(({ identity }) => identity?.name === 'Sam'),
      90_000,
    );
  });

  it('hits can be listed and corrected while it runs', () => {
    const [freyas] = faceeval('hits', '--person', 'freya').result;
    const { id } = freyas.hit;
    expect(faceeval('hits', 'show', id).result).toMatchObject({ identity: { name: 'Freya' } });
    const wrong = faceeval('hits', 'wrong', id).result;
    expect(wrong).toMatchObject({ identity: null, stranger: { label: /^unknown #/ } });
    const right = faceeval('hits', 'wrong', id, '--is', 'Freya').result;
    expect(right).toMatchObject({ identity: { name: 'Freya' } });
    expect(plain('hits', '--limit', '3').stdout.trim().split('\n')).toHaveLength(3);
  });

  it.each([
    [['strangers', 'name', '9999', 'Sam'], 64, /there is no stranger "9999"/],
    [['strangers', 'name', '1'], 64, /the name is missing/],
    [['strangers', 'dance'], 64, /invalid values/],
    [['hits', 'wrong', 'nonsense'], 64, /no id of a hit/],
    [['hits', 'show', '01JD0A1B2C3D4E5F6G7H8J9K0M'], 64, /there is no hit 01JD/],
    [['hits', '--since', 'yesterday'], 64, /"yesterday" is no span of time/],
    [['hits', '--limit', '0'], 64, /limit: Too small/],
    [['hits', '--is', 'Ann'], 64, /--is belongs to/],
    [['forget', 'Nobody'], 64, /nobody in the gallery is called "Nobody"/],
    [['purge', '--older-than', 'x'], 64, /"x" is no span of time/],
    [['backup', 'restore', '1999'], 64, /there is no backup 1999/],
    [['identities', 'consent', 'Freya', '--expires', '2001-01-01'], 64, /2001-01-01 is past/],
    [['identities', 'rename', 'Freya', 'nadia'], 64, /"Nadia" is somebody else already/],
    [['enroll', 'Ann', '--hit', '01JD0A1B2C3D4E5F6G7H8J9K0M', 'a.jpg'], 64, /give a name and/],
  ])('%j is refused with the reason', (args, code, reason) => {
    const { status, stderr } = plain(...args);
    expect([status, stderr]).toEqual([code, expect.stringMatching(reason)]);
  });

  it('forget erases one of two people, and proves it', () => {
    faceeval('backup', 'create');
    const { status, result } = faceeval('forget', 'Freya');
    expect(result).toMatchObject({ complete: true, rowsLeft: 0, identity: { name: 'Freya' } });
    expect(status).toBe(0);
    expect(result.erased.hits).toBeGreaterThan(0);
    expect(result.searched.length).toBeGreaterThan(2);
    const left = faceeval('identities').result.map(({ name }: { name: string }) => name);
    expect(left).toEqual(['Nadia', 'Sam']);
  });

  it('goes on without the daemon, on the same state', async () => {
    expect(await daemon.stop()).toBe(0);
    expect(existsSync(join(home, 'state', 'control.sock'))).toBe(false);
    expect(plain('status')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('no faceeval daemon runs with'),
    });
    expect(plain('watch').status).toBe(3);

    const { result: consent } = faceeval(
      ...['identities', 'consent', 'Nadia', '--note', 'asked', '--expires', '1y'],
    );
    expect(consent).toMatchObject({ consentNote: 'asked', name: 'Nadia' });
    expect(consent.expiresAtMs).toBeGreaterThan(Date.now() + 300 * 86_400_000);
    const never = faceeval('identities', 'consent', 'Nadia', '--expires', 'never').result;
    expect(never).toMatchObject({ consentNote: 'asked', expiresAtMs: null });

    const { result: made } = faceeval('backup', 'create');
    const [stranger] = faceeval('strangers').result as { number: number }[];
    const enrolled = faceeval('enroll', 'Tom', '--stranger', String(stranger?.number));
    expect(enrolled.result).toMatchObject({ kind: 'enrolled', identity: { name: 'Tom' } });
    expect(plain('identities', 'show', 'Tom').stdout).toMatch(/consent: nothing noted/);
    const template = faceeval('identities', 'show', 'Tom').result.templateList[0].id;
    expect(faceeval('identities', 'remove-template', 'Nadia', template).status).toBe(64);
    const left = faceeval('identities', 'remove-template', 'Tom', template).result;
    expect(left.templateList.map(({ id }: { id: string }) => id)).not.toContain(template);

    const restored = faceeval('backup', 'restore', made.name.slice(0, 24)).result;
    expect(restored).toMatchObject({ restored: { name: made.name }, people: 2 });
    expect(faceeval('backup', 'list').result.map(({ name }: { name: string }) => name)).toContain(
      restored.replaced.name,
    );
    expect(faceeval('identities').result).toHaveLength(2);

    expect(faceeval('purge', '--older-than', '0s').result).toMatchObject({ unsent: 0 });
    expect(faceeval('hits').result).toEqual([]);
    expect(plain('forget', 'Nadia').stdout).toMatch(/^Nadia is forgotten\n/);
  });
});
