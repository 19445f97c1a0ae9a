import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ControlClient } from '../../src/control/control-client.js';
import { auditDelivery, readDecided } from '../../src/faults/delivery-audit.js';
import { makeReadOnly, mountedFolder, stateFolder } from '../daemon/state-folder.js';
import { startDaemon, startSynthetic } from './synthetic.js';

const DISK_BYTES = 6_000_000;

/** Writes until there is no room for another byte. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (const sizeBytes of [65_536, 1]) {
      for (;;) {
        try {
          if (writeSync(file, Buffer.alloc(sizeBytes)) < sizeBytes) break;
        } catch {
          break;
        }
      }
    }
  } finally {
    closeSync(file);
  }
}

describe('a disk that is full', { timeout: 240_000 }, () => {
  it('stops hits, is said once and in the health, and hits go on when there is room', async (context) => {
    const stateDir = mountedFolder(DISK_BYTES);
    if (stateDir === undefined) return context.skip('mounting needs root');
    const dir = stateFolder();
    const daemon = await startSynthetic(dir, stateDir, { hitsPerSecond: 10 });
    await daemon.until('first hits', () => daemon.received.length > 5, 60_000);
    const filler = join(stateDir, 'filler');
    fill(filler);
    await daemon.until('the disk to be felt', () => daemon.errorCount > 0, 60_000);
    let before: number;
    do {
      before = daemon.received.length;
      await delay(2_000);
      // The log that is there is filled first; nothing is sent that is not written.
    } while (daemon.received.length > before);
    const refused = daemon.errors.filter((line) => line.includes('hits cannot be recorded'));
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(4);
    expect(refused[0]).toMatch(/database or disk is full/);
    expect(refused[0]).toMatch(/free some disk space/);
    const status = await new ControlClient(stateDir).ask('status', {});
    expect(status).toMatchObject({
      status: 'degraded',
      problems: [expect.stringMatching(/^hits cannot be recorded: .*disk is full/)],
    });

    rmSync(filler);
    const stalled = daemon.received.length;
    await daemon.until('hits again', () => daemon.received.length > stalled + 10, 30_000);
    expect(daemon.alive).toBe(true);
    expect(await daemon.stop()).toBe(0);
    expect(readFileSync(join(dir, 'run/daemon.log'), 'utf8')).toMatch(
      /over: hits cannot be recorded/,
    );
    const audit = auditDelivery({ ...(await readDecided(stateDir)), received: daemon.received });
    expect(audit).toMatchObject({ lost: 0, doubled: 0, corrupt: 0, disordered: 0 });
  });
});

describe('a state folder that is read-only', { timeout: 120_000 }, () => {
  it('ends the start with what to do, in an exit code that systemd tries again', async (context) => {
    const stateDir = mountedFolder(DISK_BYTES);
    if (stateDir === undefined) return context.skip('mounting needs root');
    makeReadOnly(stateDir);
    const daemon = await startDaemon({
      dir: stateFolder(),
      config: { stateDir, cameras: [{ id: 'door', source: '/dev/video99' }] },
    });
    await expect(daemon.until('anything', () => false, 60_000)).rejects.toThrow(
      /not mounted read-only/,
    );
    expect(daemon.child.exitCode).toBe(73);
  });
});
