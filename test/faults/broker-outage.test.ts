import { describe, expect, it } from 'vitest';
import type { runBrokerOutage } from '../../src/faults/broker-outage.js';
import { compiledModule } from '../compiled.js';
import { stateFolder } from '../daemon/state-folder.js';
import { withoutMosquitto } from '../mqtt/mosquitto.js';

describe.skipIf(withoutMosquitto !== null)(
  `a broker that is away${withoutMosquitto === null ? '' : ` (${withoutMosquitto})`}`,
  () => {
    it('gets all hits in order when it is back, and the late ones say so', async () => {
      const { runBrokerOutage: run } = await compiledModule<{
        runBrokerOutage: typeof runBrokerOutage;
      }>('faults/broker-outage.js');
      const report = await run({
        ...{ minutes: 0.2, hitsPerSecond: 10, warmUpMs: 1_000 },
        dir: stateFolder(),
      });
      expect(report).toMatchObject({ lost: 0, doubled: 0, corrupt: 0, disordered: 0 });
      expect(report.waited).toBeGreaterThan(60);
      expect(report.delayed).toBeGreaterThan(60);
      expect(report.hits).toBeGreaterThan(100);
    }, 90_000);
  },
);
