import { describe, expect, it } from 'vitest';
import { explainThrottled, readHostState, readPeakRssBytes } from '../../src/bench/host.js';
import { boardProbe } from '../models/board-fixture.js';

describe('host state', () => {
  it('puts the flags of a Raspberry Pi into words', () => {
    expect(explainThrottled('throttled=0x0\n')).toEqual([]);
    expect(explainThrottled('throttled=0x50005\n')).toEqual([
      'under-voltage now',
      'throttled now',
      'under-voltage since start',
      'throttled since start',
    ]);
  });

  it('reads governor, clock, temperature and thermal events from sysfs', async () => {
    const files: Record<string, string> = {
      '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor': 'ondemand\n',
      '/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq': '1800000\n',
      '/sys/class/thermal/thermal_zone0/temp': '51234\n',
      '/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count': '3\n',
      '/proc/loadavg': '1.25 0.80 0.50 2/310 4242\n',
    };
    const probe = { ...boardProbe('x86-no-vnni'), read: (path: string) => files[path] ?? null };
    expect(await readHostState(probe)).toEqual({
      governor: 'ondemand',
      clockMHz: 1800,
      temperatureC: 51.234,
      throttling: ['3 thermal events since start'],
      load: 1.25,
    });
  });

  it('says that it does not know when a Pi has no vcgencmd', async () => {
    const state = await readHostState(boardProbe('pi-4b'));
    expect(state.throttling).toEqual([expect.stringContaining('vcgencmd')]);
    expect(state.governor).toBeNull();
  });

  it('reads the peak of this process, not of its parent', () => {
    const status = 'Name:\tnode\nVmPeak:\t  900000 kB\nVmHWM:\t  123456 kB\n';
    expect(readPeakRssBytes({ read: () => status })).toBe(123_456 * 1024);
  });
});
