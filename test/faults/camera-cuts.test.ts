import { expect, it } from 'vitest';
import type { runCameraCuts } from '../../src/faults/camera-cuts.js';
import { compiledModule } from '../compiled.js';
import { stateFolder } from '../daemon/state-folder.js';

it('cameras that were cut come back by themselves, and a silent one is noticed', async () => {
  const { runCameraCuts: run } = await compiledModule<{ runCameraCuts: typeof runCameraCuts }>(
    'faults/camera-cuts.js',
  );
  const seen: number[] = [];
  const report = await run({
    ...{ cuts: 3, cameras: 3, longestOnlineMs: 1_000, longestAwayMs: 1_000 },
    dir: stateFolder(),
    onCut: (done) => seen.push(done),
  });
  // The first round only warms up.
  expect(seen).toEqual([1, 2, 3, 1, 2, 3]);
  expect(report).toMatchObject({ cuts: 3, recovered: 3, handlesMore: 0, visionRestarts: 0 });
  expect(report.silenceNoticedMs).toBeGreaterThan(8_000);
  expect(report.silenceNoticedMs).toBeLessThan(15_000);
}, 180_000);
