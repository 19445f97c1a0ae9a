import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as OnnxRuntime from 'onnxruntime-node';
import { FaceEvalError } from '../domain/errors.js';
import type { Provider } from './inference-session.js';

/** The loaded library. */
export interface Runtime {
  readonly ort: typeof OnnxRuntime;
  readonly version: string;
}

const require = createRequire(import.meta.url);

/**
 * Loads ONNX Runtime on first use: it maps tens of megabytes that `faceeval --help` does not need.
 * It is told to be silent first: as it comes, it tells Microsoft which models run on which machine,
 * and keeps an id of the machine under `~/.cache`.
 *
 * @throws FaceEvalError MODEL when the native library is missing or does not fit this system.
 */
export async function loadRuntime(): Promise<Runtime> {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  try {
    const ort = await import('onnxruntime-node');
    // What fails is thrown and told in our own words; the library would print it as well.
    ort.env.logLevel = 'fatal';
    return { ort, version: runtimeVersion() };
  } catch (cause) {
    throw new FaceEvalError('MODEL', 'ONNX Runtime does not load', {
      hint:
        'it needs 64-bit Linux with glibc 2.28 or newer (Debian 10, Ubuntu 20.04); ' +
        'run scripts/setup again, and see docs/jetson.md for JetPack 4',
      cause,
    });
  }
}

/** Version of the installed package, read without loading the library. */
export function runtimeVersion(): string {
  const path = join(packageFolder(), 'package.json');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

/**
 * Providers that the installed library brings the files for. Whether a GPU answers shows only when
 * a session is created.
 */
export async function installedProviders(): Promise<Provider[]> {
  const { ort } = await loadRuntime();
  const known = new Set(ort.listSupportedBackends().map((backend) => backend.name));
  const binaries = join(packageFolder(), 'bin');
  const withLibrary = (provider: 'tensorrt' | 'cuda') =>
    known.has(provider) &&
    readdirSync(binaries).some((api) =>
      existsSync(
        join(binaries, api, 'linux', process.arch, `libonnxruntime_providers_${provider}.so`),
      ),
    );
  const accelerated = (['tensorrt', 'cuda'] as const).filter(withLibrary);
  return [...accelerated, 'cpu'];
}

function packageFolder(): string {
  // The entry is dist/index.js; package.json itself is not exported.
  return dirname(dirname(require.resolve('onnxruntime-node')));
}
