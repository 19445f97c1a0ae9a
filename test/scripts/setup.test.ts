import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../scripts/setup');
/** What the script itself calls before it installs anything. */
const TOOLS = ['/bin/bash', '/usr/bin/dirname', '/bin/grep', '/usr/bin/readlink', '/bin/uname'];

let bin: string;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'faceeval-setup-'));
  for (const tool of TOOLS) symlinkSync(tool, join(bin, tool.split('/').at(-1) ?? ''));
  program('dpkg-query', 'exit 1');
  program('apt-get', 'echo installed >&2');
});
afterEach(() => rmSync(bin, { recursive: true, force: true }));

function program(name: string, text: string): void {
  writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`);
  chmodSync(join(bin, name), 0o755);
}

describe('scripts/setup', () => {
  it('says what root has to install where an ordinary user has no sudo', () => {
    program('id', '[ "$1" = -u ] && echo 1000 || echo ann');
    const { status, stderr } = spawnSync(SCRIPT, { encoding: 'utf8', env: { PATH: bin } });
    // npm is among them, so that it is one command and not two.
    expect(stderr).toMatch(/no sudo[\s\S]*apt-get install .*build-essential .*ffmpeg.* npm$/m);
    expect(stderr).toMatch(/as ann$/m);
    expect(status).toBe(77);
  });
});
