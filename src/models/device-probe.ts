import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import type { Provider } from './inference-session.js';
import { installedProviders } from './ort-runtime.js';

/** What device detection looks at; tests give the files of other boards. */
export interface DeviceProbe {
  /** Text of a file, or null when it cannot be read. */
  read(path: string): string | null;
  /** Names in a folder, none when it is not there. */
  list(path: string): readonly string[];
  /** Architecture of this program, not of the kernel, in Node's words. */
  readonly architecture: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Providers that the installed ONNX Runtime has the libraries of. */
  readonly providers: readonly Provider[];
}

/** The machine that this program runs on. */
export async function probeThisDevice(): Promise<DeviceProbe> {
  return {
    read: (path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return null;
      }
    },
    list: (path) => {
      try {
        return readdirSync(path);
      } catch {
        return [];
      }
    },
    architecture: process.arch,
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    // The library itself does not load on a 32-bit system: say that instead of how it failed.
    providers: ['x64', 'arm64'].includes(process.arch) ? await installedProviders() : [],
  };
}
