import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import type * as DaemonModule from '../../src/faults/daemon-under-test.js';
import type { SyntheticScene } from '../../src/faults/synthetic-scene.js';
import type * as WorldModule from '../../src/faults/synthetic-world.js';
import { compiledModule } from '../compiled.js';

const running = new Set<DaemonModule.DaemonUnderTest>();
afterEach(async () => {
  for (const daemon of running) {
    if (!daemon.alive) continue;
    const gone = once(daemon.child, 'exit');
    daemon.kill();
    await gone;
  }
  running.clear();
});

/** Starts the real program, or the daemon with a synthetic vision process. */
export async function startDaemon(
  options: DaemonModule.DaemonUnderTestOptions,
): Promise<DaemonModule.DaemonUnderTest> {
  const { DaemonUnderTest } = await compiledModule<typeof DaemonModule>(
    'faults/daemon-under-test.js',
  );
  const daemon = await DaemonUnderTest.start(options);
  running.add(daemon);
  return daemon;
}

/** A daemon to whom people appear at a rate; with its state in `stateDir`. */
export async function startSynthetic(
  dir: string,
  stateDir: string,
  scene: Pick<SyntheticScene, 'hitsPerSecond'> & Partial<SyntheticScene>,
  environment: Record<string, string> = {},
): Promise<DaemonModule.DaemonUnderTest> {
  const { enrolSyntheticPeople, SYNTHETIC_CONFIG, SYNTHETIC_DAEMON } = await compiledModule<
    typeof WorldModule
  >('faults/synthetic-world.js');
  const recogniser = await enrolSyntheticPeople(stateDir);
  const whole = { strangerShare: 0.2, appearances: 1e9, ...recogniser, ...scene };
  const config: ConfigInput = { ...SYNTHETIC_CONFIG, stateDir };
  return startDaemon({
    ...{ dir: join(dir, 'run'), config, script: SYNTHETIC_DAEMON },
    environment: { FACEEVAL_SYNTHETIC: JSON.stringify(whole), ...environment },
  });
}
