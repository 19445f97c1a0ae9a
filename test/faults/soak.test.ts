import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SERVICE_NODE_OPTIONS } from '../../src/faults/daemon-under-test.js';
import { soakTimes } from '../../src/faults/soak.js';

it('runs the daemon with the options of Node that the service gives it', () => {
  const unit = readFileSync(new URL('../../systemd/faceeval.service', import.meta.url), 'utf8');
  expect(unit).toContain(`\nEnvironment=NODE_OPTIONS=${SERVICE_NODE_OPTIONS}\n`);
});

it('judges as many minutes as were asked for, after the warm-up', () => {
  for (const minutes of [1, 30, 600]) {
    const { warmUpMs, wholeMs } = soakTimes(minutes);
    expect(wholeMs - warmUpMs).toBe(minutes * 60_000);
  }
});
