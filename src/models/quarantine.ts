import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeJsonFile } from './json-file.js';

/** A build is set aside after it took the process down this often while it was loaded. */
const MAX_CRASHES = 2;

const recordSchema = z.object({
  /** Build that is being loaded right now, or was when the process ended. */
  loading: z.object({ id: z.string(), key: z.string() }).nullable(),
  crashes: z.array(z.object({ id: z.string(), key: z.string(), count: z.number().int() })),
});
type CrashRecord = z.output<typeof recordSchema>;

/**
 * Remembers which builds ended the process while they were loaded, which native code can do: a
 * note is written before the load and removed after it. A note that is still there at the next
 * start is a crash. Another model file or another version of the runtime gets a new chance.
 */
export class Quarantine {
  readonly #path: string;
  #record: CrashRecord;

  /** @param folder Folder for the record, made when missing. */
  constructor(folder: string) {
    this.#path = join(folder, 'loading.json');
    this.#record = readRecord(this.#path);
    const { loading } = this.#record;
    if (loading !== null) {
      const before = this.#record.crashes.find((c) => c.id === loading.id && c.key === loading.key);
      const crashes = this.#record.crashes.filter((crash) => crash.id !== loading.id);
      crashes.push({ ...loading, count: (before?.count ?? 0) + 1 });
      this.#save({ loading: null, crashes });
    }
  }

  /** Why the build is set aside, or undefined when it may be tried. */
  reasonFor(id: string, key: string): string | undefined {
    const crash = this.#record.crashes.find((entry) => entry.id === id && entry.key === key);
    return crash === undefined || crash.count < MAX_CRASHES
      ? undefined
      : `it ended the process ${crash.count} times while it was loaded`;
  }

  /** Call before a build is loaded. `key` names file and runtime. */
  begin(id: string, key: string): void {
    this.#save({ ...this.#record, loading: { id, key } });
  }

  /** Call when the load is over, well or with an error that was caught. */
  end(): void {
    this.#save({ ...this.#record, loading: null });
  }

  /** Gives every build a new chance. */
  clear(): void {
    this.#record = { loading: null, crashes: [] };
    rmSync(this.#path, { force: true });
  }

  #save(record: CrashRecord): void {
    this.#record = record;
    writeJsonFile(this.#path, record);
  }
}

function readRecord(path: string): CrashRecord {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Missing, or cut short by a power cut: either way nothing is known.
    return { loading: null, crashes: [] };
  }
}
