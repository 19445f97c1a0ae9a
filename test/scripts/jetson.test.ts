import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../scripts/jetson');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-jetson-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A board as the script sees it. */
function board(release: string | undefined, name: string): string {
  const root = join(folder, 'root');
  for (const path of ['etc/faceeval', 'dev', 'bin'])
    mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, 'etc/os-release'), `PRETTY_NAME="${name}"\n`);
  writeFileSync(join(root, 'etc/group'), 'tty:x:5:\nvideo:x:44:faceeval\n');
  writeFileSync(join(root, 'dev/video0'), '');
  if (release !== undefined) {
    writeFileSync(
      join(root, 'etc/nv_tegra_release'),
      `# R${release} (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref\n`,
    );
  }
  return root;
}

/** Puts a docker of a version into the path. */
function docker(version: string): string {
  const bin = join(folder, 'root/bin');
  writeFileSync(join(bin, 'docker'), `#!/bin/sh\necho ${version}\n`);
  chmodSync(join(bin, 'docker'), 0o755);
  return bin;
}

function jetson(args: readonly string[], bin?: string): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(SCRIPT, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: [bin, process.env.PATH].filter(Boolean).join(delimiter) },
  });
  return { status, text: stdout + stderr };
}

describe('scripts/jetson', () => {
  it.each([
    ['32', 'Ubuntu 18.04.6 LTS', /JetPack 4 on Ubuntu 18\.04\.6 LTS[\s\S]*only the image/],
    ['35', 'Ubuntu 20.04.6 LTS', /JetPack 5[\s\S]*The image does/],
    ['36', 'Ubuntu 22.04.4 LTS', /JetPack 6[\s\S]*jammy/],
  ])('knows the way of R%s, and that it runs on the processor', (release, name, way) => {
    const { status, text } = jetson(['--root', board(release, name)]);
    expect(text).toMatch(way);
    expect(text).toContain('has no GPU provider');
    expect(status).toBe(0);
  });

  it('leaves other boards to the usual way', () => {
    const { status, text } = jetson(['--root', board(undefined, 'Debian GNU/Linux 12')]);
    expect(text).toContain('docs/getting-started.md');
    expect(status).toBe(69);
  });

  it('does not install a package where it cannot run', () => {
    const root = board('32', 'Ubuntu 18.04.6 LTS');
    const file = join(folder, 'faceeval.deb');
    writeFileSync(file, '');
    const { status, text } = jetson(['--root', root, '--dry-run', 'install', file]);
    expect(text).toContain('fits JetPack 6 only');
    expect(status).toBe(69);
  });

  it.each([
    ['20.10.7', true],
    ['20.10.10', false],
    ['24.0.5', false],
  ])(
    'starts the image with the cameras, and without a filter that Docker %s has wrong: %s',
    (version, old) => {
      const root = board('32', 'Ubuntu 18.04.6 LTS');
      const bin = docker(version);
      const file = join(folder, 'faceeval.tar');
      writeFileSync(file, '');
      const { status, text } = jetson(['--root', root, '--dry-run', 'install', file], bin);
      expect(text).toMatch(/docker run .*--device \/dev\/video0 --group-add 44/);
      expect(text.includes('seccomp=unconfined')).toBe(old);
      expect(status).toBe(0);
    },
  );
});
