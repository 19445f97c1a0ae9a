import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, unlinkSync } from 'node:fs';
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
    return join(this.#folder, nameOf(this.#checksum));
  }

  /**
   * Loads the kept graph, or the model itself and keeps what the runtime made of it. A kept graph
   * that does not load (a power cut) is made anew; one that cannot be kept (a full disk) is not.
   */
  async load(modelPath: string, create: Create): Promise<InferenceSession> {
    const kept = this.path;
    if (existsSync(kept)) {
      try {
        return await create(kept, { graphOptimizationLevel: 'disabled' });
      } catch {
        discard(kept);
      }
    }
    const partial = `${kept}.${process.pid}.partial`;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      const session = await create(modelPath, {
        graphOptimizationLevel: 'all',
        optimizedModelFilePath: partial,
      });
      keep(partial, kept);
      return session;
    } catch {
      // Whatever it was: without the file, a good model still loads, and a bad one says why.
      discard(partial);
      return create(modelPath, { graphOptimizationLevel: 'all' });
    }
  }
}

/** A name that this cache gives: a graph, or one that a process is still writing. */
const OWN_NAME = /^[0-9a-f]{32}\.onnx(?:\.(\d+)\.partial)?$/;

/**
 * Deletes what nobody reads any more: graphs of other models, runtimes and processors, and what a
 * process left that ended while it wrote. Nothing else that lies there.
 *
 * @param checksums SHA-256 of every model file that may be loaded.
 */
export function sweepGraphs(folder: string, checksums: readonly string[]): void {
  const wanted = new Set(checksums.map(nameOf));
  for (const entry of filesOf(folder)) {
    const match = OWN_NAME.exec(entry);
    if (match === null || wanted.has(entry)) continue;
    const writer = match[1];
    if (writer === undefined || !isOther(Number(writer))) discard(join(folder, entry));
  }
}

function filesOf(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  } catch {
    // Not there yet, or no folder: then there is nothing to sweep.
    return [];
  }
}

function keep(partial: string, kept: string): void {
  try {
    renameSync(partial, kept);
  } catch {
    // The graph serves in any case; the next start makes it again.
    discard(partial);
  }
}

/** Deletes one file. Not with rmSync, which goes on into a folder where it is refused. */
function discard(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already, or it cannot be deleted: then the runtime replaces it, or does without.
  }
}

/** Whether another process with this id runs. */
function isOther(pid: number): boolean {
  return pid !== process.pid && existsSync(`/proc/${pid}`);
}

function nameOf(checksum: string): string {
  const key = createHash('sha256')
    .update([checksum, runtimeVersion(), process.arch, processorKind()].join('\n'))
    .digest('hex');
  return `${key.slice(0, 32)}.onnx`;
}

let knownKind: string | undefined;

/** What tells one kind of processor from another: an SD card may move from a Pi 4 to a Pi 5. */
function processorKind(): string {
  knownKind ??= readProcessorKind();
  return knownKind;
}

function readProcessorKind(): string {
  const lines = readFileSync('/proc/cpuinfo', 'utf8').split('\n');
  return [...new Set(lines.filter((line) => /^(model name|flags|Features|CPU part)\b/.test(line)))]
    .sort()
    .join('\n');
}
