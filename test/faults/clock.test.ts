import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { auditDelivery, readDecided } from '../../src/faults/delivery-audit.js';
import { stateFolder } from '../daemon/state-folder.js';
import { startSynthetic } from './synthetic.js';

const LIBRARY = readdirSync('/usr/lib', { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name.endsWith('-linux-gnu'))
  .map(({ name }) => `/usr/lib/${name}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));
const YEAR_MS = 365 * 86_400_000;

describe.skipIf(LIBRARY === undefined)('a clock that is set back (needs libfaketime)', () => {
  it('by a year changes the time of hits, and neither their order nor what is kept', async () => {
    const dir = stateFolder();
    const clock = join(dir, 'clock');
    writeFileSync(clock, '+0');
    const stateDir = join(dir, 'state');
    const daemon = await startSynthetic(
      dir,
      stateDir,
      { hitsPerSecond: 5 },
      {
        LD_PRELOAD: LIBRARY ?? '',
        FAKETIME_TIMESTAMP_FILE: clock,
        FAKETIME_CACHE_DURATION: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    );
    await daemon.until('hits', () => daemon.received.length > 10, 120_000);
    writeFileSync(clock, '-365d');
    const setBack = () => Date.now() - Date.parse(daemon.received.at(-1)?.time ?? '') > YEAR_MS / 2;
    await daemon.until('hits of last year', setBack, 60_000);
    const then = daemon.received.length;
    await daemon.until('more of them', () => daemon.received.length > then + 20, 60_000);
    writeFileSync(clock, '+0');
    await daemon.until('hits of today', () => !setBack(), 60_000);
    expect(await daemon.stop()).toBe(0);

    const decided = await readDecided(stateDir);
    const audit = auditDelivery({ ...decided, received: daemon.received });
    expect(audit).toMatchObject({ lost: 0, doubled: 0, corrupt: 0, disordered: 0 });
    const ids = decided.stored.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort());
    // Nothing of it waited, whatever the clock said.
    expect(daemon.received.filter(({ delayed }) => delayed === true)).toEqual([]);
    expect(daemon.errors).toEqual([]);
  }, 360_000);
});
