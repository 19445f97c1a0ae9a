import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Device } from './device.js';
import { writeJsonFile } from './json-file.js';
import { type Build, buildsOf, type Manifest, type Role } from './manifest.js';
import { runtimeVersion } from './ort-runtime.js';

const entrySchema = z.object({
  key: z.string(),
  role: z.enum(['detector', 'recogniser', 'liveness']),
  id: z.string(),
  threads: z.number().int().positive(),
  p50Ms: z.number().positive(),
  measuredAt: z.string(),
});
const fileSchema = z.object({ entries: z.array(entrySchema) });

/** What `faceeval doctor --tune` measured to be best for a role. */
export type TuningEntry = z.output<typeof entrySchema>;

/**
 * Results of tuning, valid for the same board, processor, runtime and model files: an update of
 * one of them makes them void.
 */
export class TuningMemory {
  readonly #path: string;

  /** @param folder Folder for the file. */
  constructor(folder: string) {
    this.#path = join(folder, 'tuning.json');
  }

  /** The build that was fastest, and with how many threads, or undefined when nothing valid is known. */
  recall(manifest: Manifest, role: Role, device: Device): TuningEntry | undefined {
    const key = tuningKey(manifest, role, device);
    return this.#read().find((entry) => entry.role === role && entry.key === key);
  }

  /** Keeps a result in place of the role's earlier one. */
  remember(
    manifest: Manifest,
    device: Device,
    found: Omit<TuningEntry, 'key' | 'measuredAt'>,
  ): void {
    const others = this.#read().filter(({ role }) => role !== found.role);
    const measuredAt = new Date().toISOString();
    const key = tuningKey(manifest, found.role, device);
    writeJsonFile(this.#path, { entries: [...others, { key, ...found, measuredAt }] });
  }

  #read(): readonly TuningEntry[] {
    try {
      return fileSchema.parse(JSON.parse(readFileSync(this.#path, 'utf8'))).entries;
    } catch {
      // Never tuned, or a damaged file: the rule decides then, as on the first day.
      return [];
    }
  }
}

function tuningKey(manifest: Manifest, role: Role, device: Device): string {
  const files = (build: Build) => build.files.map(({ sha256 }) => sha256.slice(0, 16)).join('+');
  return [
    device.board,
    device.cpu,
    device.cores,
    device.providers.join('>'),
    runtimeVersion(),
    ...buildsOf(manifest, role).map((build) => `${build.id}=${files(build)}`),
  ].join(' ');
}
