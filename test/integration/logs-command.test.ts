import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runProgram, scratchFolder } from './daemon-process.js';

const scratch = scratchFolder();
afterAll(() => scratch.remove());

const LINE = '{"level":40,"time":1795525899699,"camera":"door","msg":"camera door is lost"}';

/** Runs `faceeval logs` where these stand in for systemd's programs. */
function logs(programs: Readonly<Record<string, string>>, ...args: string[]) {
  const bin = join(scratch.dir, `bin-${Object.values(programs).join('').length}`);
  mkdirSync(bin, { recursive: true });
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const state = join(scratch.dir, 'state');
  const env = { ...process.env, PATH: bin, FACEEVAL__STATE_DIR: state };
  return runProgram(['logs', ...args], env);
}

describe('faceeval logs', { timeout: 60_000 }, () => {
  const journal = { systemctl: 'exit 0', journalctl: `echo "asked for: $*"\necho '${LINE}'` };

  it('shows the journal of the service in words, or as it is', () => {
    const { status, stdout } = logs(journal, '--lines', '5', '--since', 'today');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^asked for: --unit faceeval --output cat --lines 5 --follow --since today\n/,
    );
    expect(stdout).toMatch(/ warn {2}camera door is lost {2}\(camera=door\)\n$/);
    const raw = logs(journal, '--json', '--no-follow', '--unit', 'other');
    expect(raw.stdout).toBe(`asked for: --unit other --output cat --lines 50\n${LINE}\n`);
  });

  it('says what to do when the journal may not be read', () => {
    const { status, stderr } = logs({ systemctl: 'exit 0', journalctl: 'exit 1 # not allowed' });
    expect([status, stderr]).toEqual([64, expect.stringMatching(/ended with 1\n.*try sudo/)]);
  });

  it.each([
    ['no such service', { systemctl: 'exit 4' }],
    ['no systemd', {}],
  ])('says where the log goes with %s', (_what, programs) => {
    const { status, stdout } = logs(programs);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /there is no service faceeval here; `faceeval run` logs to its standard/,
    );
  });
});
