import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { runtimeVersion } from './ort-runtime.js';

type Create = (path: string, options: InferenceSession.SessionOptions) => Promise<InferenceSession>;

/**
 * Optimised graphs, kept between starts. Optimising lays the graph out for this CPU's kernels, so
 * the name of a kept file says model, runtime and CPU; another one of them makes another file.
 */
export class GraphCache {
  readonly #folder: string;
  readonly #checksum: string;

  /**
   * @param folder Where files are kept; made when missing.
   * @param checksum SHA-256 of the model file, hexadecimal.
   */
  constructor(folder: string, checksum: string) {
    this.#folder = folder;
    this.#checksum = checksum;
  }

  /** File that holds the optimised graph. */
  get path(): string {
    const key = createHash('sha256')
      .update([this.#checksum, runtimeVersion(), process.arch, processorKind()].join('\n'))
      .digest('hex');
    return join(this.#folder, `${key.slice(0, 32)}.onnx`);
  }

  /**
   * Loads the kept graph, or the model itself and keeps what the runtime made of it. A kept graph
   * that does not load (a power cut, a full disk) is made anew.
   */
  async load(modelPath: string, create: Create): Promise<InferenceSession> {
    const kept = this.path;
    if (existsSync(kept)) {
      try {
        return await create(kept, { graphOptimizationLevel: 'disabled' });
      } catch {
        rmSync(kept, { force: true });
      }
    }
    const partial = `${kept}.${process.pid}.partial`;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    } catch {
      return create(modelPath, { graphOptimizationLevel: 'all' });
    }
    const session = await create(modelPath, {
      graphOptimizationLevel: 'all',
      optimizedModelFilePath: partial,
    });
    if (existsSync(partial)) renameSync(partial, kept);
    return session;
  }
}

/** What tells one kind of processor from another: an SD card may move from a Pi 4 to a Pi 5. */
function processorKind(): string {
  const lines = readFileSync('/proc/cpuinfo', 'utf8').split('\n');
  return [...new Set(lines.filter((line) => /^(model name|flags|Features|CPU part)\b/.test(line)))]
    .sort()
    .join('\n');
}
