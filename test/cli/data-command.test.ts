import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { runCli } from '../../src/cli/run-cli.js';
import { compiledPath } from '../compiled.js';

let parent: string;
let set: string;
let out: string;
let err: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'faceeval-data-'));
  set = join(parent, 'set');
  out = '';
  err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  for (const [identity, count] of [
    ['ann', 3],
    ['bob', 1],
  ] as const) {
    mkdirSync(join(set, identity), { recursive: true });
    for (let n = 1; n <= count; n++) writeFileSync(join(set, identity, `${n}.jpg`), 'x');
  }
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(parent, { recursive: true, force: true });
});

const data = (...words: string[]) => runCli(['data', ...words], COMMANDS);

/** Help is printed by yargs itself, so it is read from the program. */
function helpOf(...words: string[]): Promise<string> {
  return new Promise((resolve) => {
    const args = [compiledPath('cli/faceeval.js'), 'data', ...words, '--help'];
    execFile(process.execPath, args, (_error, stdout) => resolve(stdout));
  });
}

describe('faceeval data', () => {
  it("names the seed's tool in the help of each command that has one", async () => {
    expect(await helpOf('clean')).toContain('analysis_clear.py');
    expect(await helpOf('align')).toContain('face_align.py');
    expect(await helpOf('prune')).toContain('remove_low-shot.py');
    expect(await helpOf('split')).toContain('move_data.py');
    const all = await helpOf();
    for (const command of ['stats', 'clean', 'align', 'prune', 'split', 'restore']) {
      expect(all).toContain(`faceeval data ${command}`);
    }
  }, 120_000);

  it('refuses what it does not understand', async () => {
    expect(await data()).toBe(64);
    expect(await data('claen', set)).toBe(64);
    expect(await data('prune', set)).toBe(64);
    expect(err).toContain('missing required argument: min-images');
    expect(await data('prune', set, '--min-images', '0')).toBe(64);
    expect(await data('align', set, join(parent, 'o'), '--quality', '101')).toBe(64);
    expect(await data('clean', set, '--second-face', '2')).toBe(64);
    expect(await data('clean', set, '--odd-below', '3')).toBe(64);
    expect(await data('clean', set, '--jobs', '0')).toBe(64);
    expect(await data('clean', join(parent, 'none'))).toBe(64);
    expect(err).toContain('there is no folder');
    expect(readdirSync(parent)).toEqual(['set']);
  });

  it('takes an empty name, as of an unset variable, for no folder at all', async () => {
    const before = process.cwd();
    process.chdir(set);
    try {
      expect(await data('clean', '', '--dry-run')).toBe(64);
      expect(err).toContain('the name of a folder is empty');
      expect(await data('stats', '')).toBe(64);
      expect(await data('prune', '', '--min-images', '2')).toBe(64);
      expect(await data('restore', '')).toBe(64);
      expect(await data('split', '', '--images-per-identity', '1')).toBe(64);
      expect(await data('split', set, '--images-per-identity', '1', '--to', '')).toBe(64);
      expect(await data('align', set, '')).toBe(64);
    } finally {
      process.chdir(before);
    }
    expect(readdirSync(parent)).toEqual(['set']);
  });

  it('stats prints a table, or JSON', async () => {
    expect(await data('stats', set)).toBe(0);
    expect(out).toMatch(/identities +│ 2 /);
    expect(out).toMatch(/3–4 images {2}█+ 1/);
    out = '';
    expect(await data('stats', set, '--json')).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ images: 4, identities: 2 });
  });

  it('prune, split and restore say what they did, and end with 1 where a dry run found work', async () => {
    expect(await data('prune', set, '--min-images', '2', '--dry-run')).toBe(1);
    expect(out).toContain('1 identities (1 images) would be moved to');
    expect(await data('prune', set, '--min-images', '1', '--dry-run')).toBe(0);
    expect(await data('prune', set, '--min-images', '2')).toBe(0);
    expect(readdirSync(set)).toEqual(['ann']);
    out = '';
    expect(await data('split', set, '--images-per-identity', '1', '--json')).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ identities: 1, to: `${set}_split`, seed: 1337 });
    expect(await data('restore', set, '--reason', 'split')).toBe(0);
    expect(await data('restore', set)).toBe(0);
    expect(readdirSync(set).sort()).toEqual(['ann', 'bob']);
    expect(readdirSync(join(set, 'ann'))).toHaveLength(3);
  });

  it('restore ends with 1 while the disk with the images is away, and brings them back later', async () => {
    const usb = join(parent, 'usb');
    const to = join(usb, 'val');
    expect(await data('split', set, '--images-per-identity', '1', '--to', to)).toBe(0);
    renameSync(usb, `${usb}-away`);
    expect(await data('restore', set)).toBe(1);
    expect(out).toContain('0 images moved back');
    expect(err).toContain(`1 images are not where they were put, such as ${to}/ann/`);
    renameSync(`${usb}-away`, usb);
    expect(await data('restore', set)).toBe(0);
    expect(out).toContain('1 images moved back');
    expect(readdirSync(join(set, 'ann'))).toHaveLength(3);
  });

  it('prune says which files it could not find under their names', async () => {
    const name = Buffer.concat([Buffer.from(`${set}/bob/`), Buffer.from([0xe9])]);
    writeFileSync(name, 'x');
    expect(await data('prune', set, '--min-images', '3')).toBe(0);
    expect(out).toContain('1 identities (1 images) moved to');
    expect(err).toContain('left out, nothing is found under this name: bob/\ufffd');
  });

  it('restore ends with 1 when another file has taken the place', async () => {
    expect(await data('prune', set, '--min-images', '2')).toBe(0);
    mkdirSync(join(set, 'bob'));
    writeFileSync(join(set, 'bob/1.jpg'), 'another');
    expect(await data('restore', set)).toBe(1);
    expect(err).toContain('not moved back, another file is there: set/bob/1.jpg');
  });
});
