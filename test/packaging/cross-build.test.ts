import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** Runs a function of scripts/cross-build/lib as the scripts do. */
function call(part: string, command: string, input = ''): string {
  const script = `set -euo pipefail; . scripts/cross-build/lib/suites.sh
    . scripts/cross-build/lib/${part}.sh; ${command}`;
  return execFileSync('bash', ['-c', script], { cwd: ROOT, input, encoding: 'utf8' });
}

/** What is said of a machine whose apt reads `sources`. */
function complaint(suite: string, architectures: string, sources: string): string {
  const script = `. scripts/cross-build/lib/suites.sh; machine_sources() { printf '%s\\n' '${sources}'; }
    require_suite_sources ${suite} ${architectures}`;
  return spawnSync('bash', ['-c', script], { cwd: ROOT, encoding: 'utf8' }).stderr;
}

const BOOKWORM = [
  'http://mirror.example/debian/ bookworm main',
  'http://mirror.example/debian/ bookworm-updates main',
  'http://mirror.example/debian-security/ bookworm-security main',
  'http://other.example/tools/ stable main',
].join('\n');

describe('suites', () => {
  it('takes another Debian release from the mirrors of the own one', () => {
    expect(call('suites', 'suite_sources trixie', BOOKWORM).trim().split('\n')).toEqual([
      'deb http://mirror.example/debian/ trixie main',
      'deb http://mirror.example/debian/ trixie-updates main',
      'deb http://mirror.example/debian-security/ trixie-security main',
    ]);
  });

  it('prefers what the machine has of the suite itself', () => {
    const both = `${BOOKWORM}\nhttp://third.example/debian/ trixie main`;
    expect(call('suites', 'suite_sources trixie', both).trim()).toBe(
      'deb http://third.example/debian/ trixie main',
    );
  });

  it('has no Ubuntu from a Debian mirror', () => {
    expect(call('suites', 'suite_sources jammy', BOOKWORM)).toBe('');
  });

  it('takes each processor of Ubuntu from the mirrors that have it', () => {
    const ubuntu = [
      'http://mirror.example/ubuntu/ jammy universe',
      'http://mirror.example/ubuntu-ports/ jammy universe',
    ];
    expect(call('suites', 'suite_sources jammy', ubuntu.join('\n')).trim().split('\n')).toEqual([
      'deb [arch=amd64] http://mirror.example/ubuntu/ jammy universe',
      'deb [arch=arm64] http://mirror.example/ubuntu-ports/ jammy universe',
    ]);
  });

  it('says what is missing', () => {
    expect(complaint('trixie', 'amd64', 'http://other.example/tools/ stable main')).toMatch(
      /no source of trixie for amd64, nor of another Debian.*sources\.list\.d, run apt-get update/,
    );
    const x86 = 'http://mirror.example/ubuntu/ jammy universe';
    expect(complaint('jammy', 'amd64,arm64', x86)).toMatch(
      /no source of jammy for amd64 and arm64\. Add Ubuntu's .*universe.*ubuntu-ports/,
    );
    expect(complaint('jammy', 'amd64', x86)).toBe('');
  });

  it('orders versions: suites among each other, then the plain version, then the next', () => {
    const versions = ['bookworm', 'trixie'].map((suite) =>
      call('suites', `package_version 1.2.0 ${suite}`).trim(),
    );
    const ordered = [...versions, '1.2.0', call('suites', 'package_version 1.2.1 bookworm').trim()];
    expect(versions[0]).toBe('1.2.0~bookworm1');
    for (const [index, newer] of ordered.slice(1).entries()) {
      const older = ordered[index] ?? '';
      const { status } = spawnSync('dpkg', ['--compare-versions', older, 'lt', newer]);
      expect([older, newer, status]).toEqual([older, newer, 0]);
    }
  });
});

describe('emulation', () => {
  it('brings what mmdebstrap asks whether programs of the other processor start', () => {
    const stub = 'require_commands() { echo "$@"; exit; }';
    expect(call('emulation', `${stub}; enable_emulation arm64`)).toContain('arch-test=arch-test');
    expect(call('emulation', `${stub}; enable_emulation amd64`)).toBe('');
  });
});

describe('the changelog of a package', () => {
  it('is the newest section of CHANGELOG.md in the form that Debian reads', () => {
    const changes = [
      '# Changelog',
      '',
      '## 2.0.0, unreleased',
      '',
      'A sentence of introduction.',
      '',
      '- One thing that goes on',
      '  in a second line.',
      '- Another.',
      '',
      '## 1.0.0',
      '',
      '- Long ago.',
    ].join('\n');
    const date = 'Tue, 24 Nov 2026 10:00:00 +0000';
    const script = `cd packaging && write_changelog 2.0.0 trixie '${date}'`;
    const text = call('source', `repository=. work=.; ${script}`, changes);
    expect(text.split('\n')).toEqual([
      'faceeval (2.0.0~trixie1) trixie; urgency=medium',
      '',
      '  * One thing that goes on',
      '    in a second line.',
      '  * Another.',
      '',
      expect.stringMatching(/^ -- .+ <.+@.+> {2}Tue, 24 Nov 2026 10:00:00 \+0000$/),
      '',
    ]);
  });
});
