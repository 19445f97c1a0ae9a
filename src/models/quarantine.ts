import { readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../domain/errors.js';
import { bootId, startOf } from '../domain/process-start.js';
import { writeJsonFile } from './json-file.js';

/** A build is set aside after it took the process down this often, with no good load between. */
const MAX_CRASHES = 2;

const buildSchema = z.object({ id: z.string(), key: z.string() });
const recordSchema = z.object({
  /** Build that is being loaded right now, or was when the process ended. */
  loading: buildSchema
    .extend({
      /** Who loads it; notes of earlier versions do not say. */
      writer: z.object({ pid: z.number(), started: z.string(), boot: z.string() }).optional(),
    })
    .nullable(),
  crashes: z.array(buildSchema.extend({ count: z.number().int() })),
});
type CrashRecord = z.output<typeof recordSchema>;
type Note = NonNullable<CrashRecord['loading']>;

/** With these people end a program; each would end it unseen by JavaScript. */
const STOPS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Remembers which builds ended the process while they were loaded, which native code can do: a
 * note is written before the load and removed after it, and at any end of the process that
 * JavaScript still sees. A note whose process is gone is a crash, unless the machine itself was
 * started anew. Another model file or another version of the runtime gets a new chance.
 */
export class Quarantine {
  readonly #path: string;
  readonly #onUnwritable: (what: string) => void;
  readonly #withdraw = () => this.end(false);
  readonly #stop = (signal: NodeJS.Signals) => {
    this.end(false);
    // Whoever else listens ends the process in order; otherwise it ends as it would have.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  #record: CrashRecord;
  /** What is known could not be written: this process goes by its memory. */
  #unsaved = false;

  /**
   * @param folder Folder for the record, made when missing.
   * @param onUnwritable Told when nothing can be written there, with a full disk for one.
   */
  constructor(folder: string, onUnwritable: (what: string) => void = () => undefined) {
    this.#path = join(folder, 'loading.json');
    this.#onUnwritable = onUnwritable;
    this.#record = readRecord(this.#path);
    const { loading } = this.#record;
    if (loading === null || isAlive(loading)) return;
    const crashes = isCrash(loading)
      ? countCrash(this.#record.crashes, loading)
      : this.#record.crashes;
    this.#save({ loading: null, crashes });
  }

  /** How often a build ended the process, when that is often enough to set it aside. */
  crashesOf(id: string, key: string): number | undefined {
    const count = this.#record.crashes.find((entry) => entry.id === id && entry.key === key)?.count;
    return count === undefined || count < MAX_CRASHES ? undefined : count;
  }

  /** Call before a build is loaded. `key` names file and runtime. */
  begin(id: string, key: string): void {
    this.#save({ ...this.#latest(), loading: { id, key, writer: thisProcess() } });
    process.once('exit', this.#withdraw);
    for (const signal of STOPS) process.once(signal, this.#stop);
  }

  /**
   * Call when the load is over, well or with an error that was caught.
   *
   * @param loaded It went well: what the build did before does not count any more.
   */
  end(loaded: boolean): void {
    process.off('exit', this.#withdraw);
    for (const signal of STOPS) process.off(signal, this.#stop);
    const own = this.#record.loading;
    const { loading, crashes } = this.#latest();
    this.#save({
      // Another process may have begun to load meanwhile: its note stays.
      loading: loading !== null && !isOwn(loading) ? loading : null,
      crashes: loaded && own !== null ? crashes.filter((crash) => crash.id !== own.id) : crashes,
    });
  }

  /** Commands run beside the daemon: what they found counts, too. */
  #latest(): CrashRecord {
    return this.#unsaved ? this.#record : readRecord(this.#path);
  }

  #save(record: CrashRecord): void {
    this.#record = record;
    try {
      writeJsonFile(this.#path, record);
      this.#unsaved = false;
    } catch (error) {
      // Nobody is recognised without models, while this is only about bad ones.
      this.#unsaved = true;
      this.#onUnwritable(`how models load is not remembered: ${messageOf(error)}`);
      if (record.loading === null) this.#removeOwnNote();
    }
  }

  /** A note that stays would be taken for a crash. A full disk still lets files be deleted. */
  #removeOwnNote(): void {
    const { loading } = readRecord(this.#path);
    if (loading === null || !isOwn(loading)) return;
    try {
      unlinkSync(this.#path);
    } catch (error) {
      this.#onUnwritable(`${this.#path} cannot be deleted: ${messageOf(error)}`);
    }
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

function countCrash(crashes: CrashRecord['crashes'], { id, key }: Note): CrashRecord['crashes'] {
  const before = crashes.find((crash) => crash.id === id && crash.key === key)?.count ?? 0;
  return [...crashes.filter((crash) => crash.id !== id), { id, key, count: before + 1 }];
}

/** A power cut leaves a note as well; so did, in earlier versions, every stop while it loaded. */
function isCrash({ writer }: Note): boolean {
  return writer !== undefined && writer.boot === bootId();
}

function isAlive({ writer }: Note): boolean {
  return writer !== undefined && writer.boot === bootId() && writer.started === startOf(writer.pid);
}

function isOwn({ writer }: Note): boolean {
  return writer?.pid === process.pid && isAlive({ id: '', key: '', writer });
}

function thisProcess(): NonNullable<Note['writer']> {
  return { pid: process.pid, started: startOf(process.pid) ?? '', boot: bootId() };
}
