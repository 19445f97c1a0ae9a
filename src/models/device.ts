import { FaceEvalError } from '../domain/errors.js';
import type { DeviceProbe } from './device-probe.js';
import type { Provider } from './inference-session.js';

/** Kinds of board that builds are chosen for. */
export type Board =
  | 'pi-3'
  | 'pi-4'
  | 'pi-5'
  | 'pi-zero-2'
  | 'jetson-nano'
  | 'jetson-tx2'
  | 'jetson-xavier'
  | 'jetson-orin'
  | 'arm64'
  | 'x86-vnni'
  | 'x86';

/** A GPU that ONNX Runtime could use, if it has the provider for it. */
export interface Gpu {
  readonly name: string;
  /** Has fast 8-bit kernels in TensorRT. */
  readonly int8: boolean;
}

/** The machine that builds are chosen for. */
export interface Device {
  readonly board: Board;
  /** As the board names itself. */
  readonly name: string;
  readonly arch: 'x64' | 'arm64';
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Instruction that multiplies and adds 8-bit numbers, as /proc/cpuinfo names it. */
  readonly int8Instruction: string | null;
  readonly gpu: Gpu | null;
  /** L4T release of a Jetson: "32.7.1". */
  readonly l4t: string | null;
  /** Providers that ONNX Runtime has here and that fit the hardware, best first; `cpu` last. */
  readonly providers: readonly Provider[];
}

/**
 * Finds out what this machine is. Reads the device tree, the L4T release and /proc/cpuinfo.
 *
 * @throws FaceEvalError MODEL on a 32-bit system: ONNX Runtime has no build for it.
 */
export function detectDevice(probe: DeviceProbe): Device {
  const arch = requireArchitecture(probe);
  const cpuinfo = probe.read('/proc/cpuinfo') ?? '';
  const model = cleanName(probe.read('/proc/device-tree/model'));
  const compatible = (probe.read('/proc/device-tree/compatible') ?? '').split('\0');
  const l4t = readL4t(probe);
  const int8Instruction = findInt8Instruction(cpuinfo);
  const board = classify(arch, compatible, int8Instruction);
  const gpu = JETSON_GPUS[board] ?? findDiscreteGpu(probe);
  return {
    board,
    name: model ?? readDmiName(probe) ?? (arch === 'arm64' ? 'ARM board' : readCpuName(cpuinfo)),
    arch,
    cpu: readCpuName(cpuinfo),
    cores: probe.cores,
    memoryBytes: probe.memoryBytes,
    int8Instruction,
    gpu,
    l4t,
    providers: probe.providers.filter((provider) => provider === 'cpu' || gpu !== null),
  };
}

function requireArchitecture({ architecture }: DeviceProbe): 'x64' | 'arm64' {
  if (architecture === 'x64' || architecture === 'arm64') return architecture;
  throw new FaceEvalError(
    'MODEL',
    `this is a 32-bit or unknown system (${architecture}); faceeval needs 64-bit x86 or ARM`,
    {
      hint:
        'a Pi 3, 4, 5 or Zero 2 W runs the 64-bit Raspberry Pi OS: write that image to the card. ' +
        'A 64-bit kernel under a 32-bit system is not enough',
    },
  );
}

/** SoC names of the device tree, most specific first. */
const COMPATIBLE: readonly (readonly [RegExp, Board])[] = [
  [/^raspberrypi,model-zero-2/, 'pi-zero-2'],
  [/^brcm,bcm2712/, 'pi-5'],
  [/^brcm,bcm2711/, 'pi-4'],
  [/^brcm,bcm2837/, 'pi-3'],
  [/^nvidia,tegra234/, 'jetson-orin'],
  [/^nvidia,tegra194/, 'jetson-xavier'],
  [/^nvidia,tegra186/, 'jetson-tx2'],
  [/^nvidia,tegra210/, 'jetson-nano'],
];

function classify(
  arch: 'x64' | 'arm64',
  compatible: readonly string[],
  int8Instruction: string | null,
): Board {
  if (arch === 'x64') return int8Instruction === null ? 'x86' : 'x86-vnni';
  for (const [pattern, board] of COMPATIBLE) {
    if (compatible.some((entry) => pattern.test(entry))) return board;
  }
  return 'arm64';
}

const JETSON_GPUS: Partial<Record<Board, Gpu>> = {
  'jetson-nano': { name: 'Maxwell, 128 cores', int8: false },
  'jetson-tx2': { name: 'Pascal, 256 cores', int8: false },
  'jetson-xavier': { name: 'Volta', int8: true },
  'jetson-orin': { name: 'Ampere', int8: true },
};

function findDiscreteGpu(probe: DeviceProbe): Gpu | null {
  const [first] = probe.list('/proc/driver/nvidia/gpus');
  if (first === undefined) return null;
  const information = probe.read(`/proc/driver/nvidia/gpus/${first}/information`) ?? '';
  const name = /^Model:\s*(.+)$/m.exec(information)?.[1]?.trim() ?? 'NVIDIA GPU';
  return { name, int8: true };
}

const INT8_FLAGS = ['avx512_vnni', 'avx_vnni', 'i8mm', 'asimddp'];

function findInt8Instruction(cpuinfo: string): string | null {
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '';
  const flags = new Set(line.split(/\s+/));
  return INT8_FLAGS.find((flag) => flags.has(flag)) ?? null;
}

/** `# R32 (release), REVISION: 7.1, …` → 32.7.1 */
function readL4t(probe: DeviceProbe): string | null {
  const text = probe.read('/etc/nv_tegra_release') ?? '';
  const match = /R(\d+) \(release\), REVISION: ([\d.]+)/.exec(text);
  return match === null ? null : `${match[1]}.${match[2]}`;
}

function readDmiName(probe: DeviceProbe): string | null {
  const parts = ['sys_vendor', 'product_name']
    .map((entry) => cleanName(probe.read(`/sys/class/dmi/id/${entry}`)))
    .filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(' ');
}

function cleanName(text: string | null): string | null {
  const name = text?.replaceAll('\0', ' ').trim();
  return name === undefined || name === '' ? null : name;
}

/** Core names by the part number that ARM processors give in /proc/cpuinfo. */
const ARM_PARTS: Readonly<Record<string, string>> = {
  '0xd03': 'Cortex-A53',
  '0xd05': 'Cortex-A55',
  '0xd07': 'Cortex-A57',
  '0xd08': 'Cortex-A72',
  '0xd09': 'Cortex-A73',
  '0xd0b': 'Cortex-A76',
  '0xd41': 'Cortex-A78',
  '0xd42': 'Cortex-A78AE',
  '0xd0c': 'Neoverse-N1',
  '0xd40': 'Neoverse-V1',
  '0x003': 'Denver 2',
  '0x004': 'Carmel',
};

function readCpuName(cpuinfo: string): string {
  const named = /^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1]?.trim();
  const parts = [...cpuinfo.matchAll(/^CPU part\s*:\s*(0x[0-9a-f]+)/gm)].map((match) => match[1]);
  const cores = [...new Set(parts)].map((part) => ARM_PARTS[part ?? ''] ?? `ARM part ${part}`);
  return cores.length > 0 ? cores.join(' + ') : (named ?? 'unknown');
}
