import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';

const ROOT = join(import.meta.dirname, '../..');
const withoutAnalyze = spawnSync('systemd-analyze', ['--version']).error !== undefined;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'faceeval-install-'));
  if (!existsSync(join(ROOT, 'dist/cli/faceeval.js'))) {
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], { cwd: ROOT });
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function install(...args: string[]): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    const script = join(ROOT, 'scripts/install-service');
    const child = execFile(script, ['--destdir', root, ...args], (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out: `${out}${err}` }),
    );
  });
}

const mode = (path: string): string => (statSync(join(root, path)).mode & 0o777).toString(8);
const config = 'etc/faceeval/faceeval.yaml';

describe('scripts/install-service', { timeout: 120_000 }, () => {
  it('installs program, unit, folders and settings below a root, and says what it skipped', async () => {
    const { code, out } = await install();
    expect(out).toMatch(/skipped: user faceeval/);
    expect(out).toMatch(/skipped: start: systemd does not run here/);
    expect(code).toBe(0);
    expect([mode('etc/faceeval'), mode(config), mode('var/lib/faceeval')]).toEqual([
      '750',
      '640',
      '700',
    ]);
    expect(existsSync(join(root, 'opt/faceeval/node_modules/vitest'))).toBe(false);
    for (const file of ['man/man1/faceeval.1', 'bash-completion/completions/faceeval']) {
      expect(existsSync(join(root, 'usr/local/share', file))).toBe(true);
    }
    expect(loadConfig({ path: join(root, config), environment: {} }).config.stateDir).toBe(
      '/var/lib/faceeval',
    );
    const program = join(root, 'opt/faceeval');
    const version = execFileSync(
      join(program, 'node/node'),
      [join(program, 'dist/cli/faceeval.js'), '--version'],
      { encoding: 'utf8' },
    );
    expect(version.trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('can be run again and leaves the settings alone', async () => {
    writeFileSync(join(root, config), 'node: mine\n');
    const { code, out } = await install('--prefix', '/srv/faces');
    expect(code).toBe(0);
    expect(out).toContain('(kept)');
    expect(readFileSync(join(root, config), 'utf8')).toBe('node: mine\n');
    const unit = readFileSync(join(root, 'etc/systemd/system/faceeval.service'), 'utf8');
    expect(unit).toContain('ExecStart=/srv/faces/bin/faceeval run');
    expect(unit).not.toContain('/opt/faceeval');
  });

  it('removes the program and keeps what is the user’s until it is purged', async () => {
    expect((await install('--uninstall', '--prefix', '/srv/faces')).code).toBe(0);
    expect(existsSync(join(root, 'srv/faces'))).toBe(false);
    expect(existsSync(join(root, 'etc/systemd/system/faceeval.service'))).toBe(false);
    expect(existsSync(join(root, 'usr/local/share/man/man1/faceeval.1'))).toBe(false);
    expect(existsSync(join(root, config))).toBe(true);
    expect((await install('--uninstall', '--purge')).code).toBe(0);
    expect(existsSync(join(root, 'etc/faceeval'))).toBe(false);
    expect(existsSync(join(root, 'var/lib/faceeval'))).toBe(false);
  });

  it.each([
    [['--prefix', 'opt'], 64],
    [['--prefix', '/'], 64],
    [['--nonsense'], 64],
  ] as const)('refuses %j', async (args, code) => expect((await install(...args)).code).toBe(code));
});

describe('systemd/faceeval.service', () => {
  it('has room for the threads of as many cameras as there may be, on 16 cores', () => {
    const unit = readFileSync(join(ROOT, 'systemd/faceeval.service'), 'utf8');
    const tasks = Number(/^TasksMax=(\d+)$/m.exec(unit)?.[1]);
    // Measured with 16 cores: 33 threads a decoder of ffmpeg 5.1, 36 of 7.1.
    expect(tasks).toBeGreaterThan(16 * 36 + 200);
  });
});

describe.skipIf(withoutAnalyze)('systemd/faceeval.service', () => {
  it('is hardened to an exposure of 2.5 or less', () => {
    const out = execFileSync(
      'systemd-analyze',
      ['security', '--offline=true', '--no-pager', join(ROOT, 'systemd/faceeval.service')],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(out)?.[1]);
    expect(exposure).toBeLessThanOrEqual(2.5);
  });
});
