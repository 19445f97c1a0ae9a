import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../scripts/cross-build/lib/inside/receive-hit');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-receive-hit-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the script with a subscriber that gets one of these messages each time; '' is silence. */
function receive(messages: readonly string[], process: string, patienceS = 2) {
  writeFileSync(join(folder, 'messages'), `${messages.join('\n')}\n`);
  writeFileSync(
    join(folder, 'mosquitto_sub'),
    `#!/bin/sh\ncd '${folder}' && sed -n 1p messages && sed -i 1d messages\n`,
    { mode: 0o755 },
  );
  return spawnSync('sh', [SCRIPT, `${patienceS}`, process], {
    env: { PATH: `${folder}${delimiter}/usr/bin${delimiter}/bin` },
    encoding: 'utf8',
  });
}

const health = (frames: number): string =>
  `faceeval/health {"status":"ok","cameras":[{"camera":"c","frames":${frames}}]}`;

describe('receive-hit', { timeout: 30_000 }, () => {
  it('prints the first hit, however often it only hears of new frames before', () => {
    const heard = [1, 2, 3, 4].flatMap((frames) => ['', health(frames)]);
    const { stdout, status } = receive(
      [...heard, 'faceeval/hits {"identity":{"name":"Freya"}}'],
      `${process.pid}`,
      3,
    );
    expect([stdout, status]).toEqual(['{"identity":{"name":"Freya"}}\n', 0]);
  });

  it('gives up when the cameras stand still', () => {
    const { stderr, status } = receive([health(7), health(7), '', '', health(7)], `${process.pid}`);
    expect([stderr, status]).toEqual([
      expect.stringMatching(/after \d+ s and 7 frames: none is new since 2 s/),
      1,
    ]);
  });

  it('does not wait for a daemon that is gone', () => {
    const gone = execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }).trim();
    const { stderr, status } = receive(['', '', ''], gone);
    expect([stderr, status]).toEqual([expect.stringContaining('the daemon is gone'), 1]);
  });
});
