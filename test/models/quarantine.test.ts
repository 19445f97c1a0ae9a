import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Quarantine } from '../../src/models/quarantine.js';
import { compiledPath } from '../compiled.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-quarantine-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Another process begins to load the build and ends as `end` says. @returns What ended it. */
function loadElsewhere(end: string): NodeJS.Signals | null {
  const module = pathToFileURL(compiledPath('models/quarantine.js')).href;
  const script = `
    import { Quarantine } from ${JSON.stringify(module)};
    new Quarantine(${JSON.stringify(folder)}).begin('net', 'key');
    ${end};`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script]).signal;
}

const crashes = (): number | undefined => new Quarantine(folder).crashesOf('net', 'key');
const file = (): string => join(folder, 'loading.json');

describe('a build that is being loaded', () => {
  it('is set aside when its process crashed twice, for this file and runtime', () => {
    loadElsewhere('process.abort()');
    expect(crashes()).toBeUndefined();
    loadElsewhere('process.abort()');
    expect(crashes()).toBe(2);
    expect(new Quarantine(folder).crashesOf('net', 'another')).toBeUndefined();
  });

  it('is not blamed when its process is told to end', () => {
    for (let stop = 0; stop < 3; stop++) loadElsewhere('process.exit(0)');
    expect(crashes()).toBeUndefined();
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'is not blamed for %s, which ends it',
    (stop) => {
      const interrupt = `process.kill(process.pid, '${stop}'); setInterval(() => {}, 1_000)`;
      for (let stops = 0; stops < 2; stops++) expect(loadElsewhere(interrupt)).toBe(stop);
      expect(crashes()).toBeUndefined();
      const orderly = `process.once('${stop}', () => process.exit(3)); ${interrupt}`;
      expect(loadElsewhere(orderly)).toBeNull();
    },
  );

  it('is not blamed while its process still loads it', () => {
    const loading = new Quarantine(folder);
    loading.begin('net', 'key');
    for (let command = 0; command < 3; command++) expect(crashes()).toBeUndefined();
    loading.end(true);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({ loading: null, crashes: [] });
  });

  it('is not blamed for a power cut', () => {
    for (let cut = 0; cut < 3; cut++) {
      loadElsewhere('process.abort()');
      const record = JSON.parse(readFileSync(file(), 'utf8'));
      record.loading.writer.boot = 'the one before';
      writeFileSync(file(), JSON.stringify(record));
    }
    expect(crashes()).toBeUndefined();
  });

  it('has its crashes forgiven by a load that goes well, and by no other', () => {
    for (let crash = 0; crash < 2; crash++) loadElsewhere('process.abort()');
    const again = new Quarantine(folder);
    again.begin('net', 'key');
    again.end(false);
    expect(crashes()).toBe(2);
    again.begin('net', 'key');
    again.end(true);
    expect(crashes()).toBeUndefined();
  });

  it('leaves the note of another process that began meanwhile', () => {
    const daemon = new Quarantine(folder);
    daemon.begin('net', 'key');
    loadElsewhere('process.abort()');
    daemon.end(false);
    loadElsewhere('process.abort()');
    expect(crashes()).toBe(1 + 1);
  });

  it('is judged by the record of an earlier version, whose note says too little', () => {
    const net = { id: 'net', key: 'key' };
    const record = { loading: net, crashes: [{ ...net, count: 2 }] };
    writeFileSync(file(), JSON.stringify(record));
    expect(crashes()).toBe(2);
    expect(JSON.parse(readFileSync(file(), 'utf8')).crashes[0].count).toBe(2);
  });
});

describe('a folder that cannot be written', () => {
  /** A folder in the place of the file fails for root as well. */
  const blocked = (): void => {
    rmSync(file(), { force: true });
    mkdirSync(file());
  };

  it('is said, and keeps nothing from being loaded', () => {
    const said: string[] = [];
    blocked();
    const quarantine = new Quarantine(folder, (what) => said.push(what));
    quarantine.begin('net', 'key');
    quarantine.end(true);
    expect(said[0]).toMatch(/^how models load is not remembered: ./);
  });
});
