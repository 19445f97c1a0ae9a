import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import si from 'systeminformation';
import type { DeviceProbe } from '../models/device-probe.js';

const run = promisify(execFile);

/** What changes while a bench runs: figures from a hot, slowed processor mean something else. */
export interface HostState {
  readonly governor: string | null;
  readonly clockMHz: number | null;
  readonly temperatureC: number | null;
  readonly throttling: readonly string[];
  /** Processes that wanted a core in the last minute. */
  readonly load: number;
}

const CPUFREQ = '/sys/devices/system/cpu/cpu0/cpufreq';

/** Reads clock, governor, temperature and throttling flags of this machine. */
export async function readHostState(probe: DeviceProbe): Promise<HostState> {
  const number = (path: string, scale: number): number | null => {
    const value = Number.parseInt(probe.read(path) ?? '', 10);
    return Number.isFinite(value) ? value / scale : null;
  };
  return {
    governor: probe.read(`${CPUFREQ}/scaling_governor`)?.trim() ?? null,
    clockMHz: number(`${CPUFREQ}/scaling_cur_freq`, 1000) ?? clockFromCpuinfo(probe),
    temperatureC: number('/sys/class/thermal/thermal_zone0/temp', 1000),
    throttling: await readThrottling(probe),
    load: Number.parseFloat(probe.read('/proc/loadavg') ?? '0'),
  };
}

function clockFromCpuinfo(probe: DeviceProbe): number | null {
  const match = /^cpu MHz\s*:\s*([\d.]+)/m.exec(probe.read('/proc/cpuinfo') ?? '');
  return match === null ? null : Math.round(Number(match[1]));
}

/** Bits of `vcgencmd get_throttled` on a Raspberry Pi. */
const PI_FLAGS: readonly (readonly [number, string])[] = [
  [0, 'under-voltage now'],
  [1, 'clock capped now'],
  [2, 'throttled now'],
  [3, 'temperature limit now'],
  [16, 'under-voltage since start'],
  [17, 'clock capped since start'],
  [18, 'throttled since start'],
  [19, 'temperature limit since start'],
];

/** Words for the number that `vcgencmd get_throttled` prints: `throttled=0x50000`. */
export function explainThrottled(output: string): readonly string[] {
  const match = /throttled=0x([0-9a-f]+)/i.exec(output);
  const bits = match === null ? 0 : Number.parseInt(match[1] ?? '0', 16);
  return PI_FLAGS.filter(([bit]) => (bits & (1 << bit)) !== 0).map(([, words]) => words);
}

async function readThrottling(probe: DeviceProbe): Promise<readonly string[]> {
  if (probe.read('/proc/device-tree/model')?.startsWith('Raspberry Pi') === true) {
    try {
      return explainThrottled((await run('vcgencmd', ['get_throttled'])).stdout);
    } catch {
      return ['unknown: vcgencmd is not installed or not permitted'];
    }
  }
  const events = probe.read('/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count');
  const count = Number.parseInt(events ?? '0', 10);
  return count > 0 ? [`${count} thermal events since start`] : [];
}

/** Versions that decide about speed. */
export async function readVersions(): Promise<Record<string, string>> {
  const [{ runtimeVersion }, { opencv }, { programVersion }, os] = await Promise.all([
    import('../models/ort-runtime.js'),
    import('../imaging/opencv.js'),
    import('../domain/version.js'),
    si.osInfo(),
  ]);
  const { major, minor, revision } = opencv().version;
  return {
    faceeval: programVersion(),
    node: process.versions.node,
    onnxruntime: runtimeVersion(),
    opencv: `${major}.${minor}.${revision}`,
    os: `${os.distro} ${os.release}`,
    kernel: os.kernel,
  };
}

/** Name of the hypervisor or container, or null on real hardware. */
export async function readVirtualisation(): Promise<string | null> {
  const system = await si.system();
  return system.virtual ? (system.virtualHost ?? '') || 'virtual machine' : null;
}

/**
 * Most memory that this process held, bytes. From VmHWM: what getrusage says includes the parent's
 * memory at the moment of the fork.
 */
export function readPeakRssBytes(probe: Pick<DeviceProbe, 'read'>): number {
  const match = /^VmHWM:\s*(\d+) kB$/m.exec(probe.read('/proc/self/status') ?? '');
  return match === null ? process.resourceUsage().maxRSS * 1024 : Number(match[1]) * 1024;
}
