import {
  closeSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { FaceEvalError } from '../domain/errors.js';
import { bootId, startOf, statFields } from '../domain/process-start.js';

/** How often a holder says that it lives. */
const BEAT_MS = 5_000;
/** A holder in another container that says nothing for so long was killed. */
const SILENCE_MS = 120_000;
const KILLED_CONTAINER = '; if it was killed with its container, the set is free after two minutes';

/** Who holds a lock. A number of a process is given again, in a container at every start. */
interface Holder {
  readonly pid: number;
  /** Of this run of the machine; numbers and times of an earlier one mean nothing. */
  readonly boot: string;
  /** Where the number holds: each container counts for itself. */
  readonly space: string;
  /** When the process began, in ticks since the machine did. */
  readonly start: string;
}

/**
 * Takes the lock of a set. One that a killed command left behind is taken over.
 *
 * @returns Gives it back.
 * @throws FaceEvalError STORE when another command holds it.
 */
export function takeSetLock(lock: string, set: string): () => void {
  const me: Holder = { pid: process.pid, boot: bootId(), space: space(), start: stateOf('self') };
  while (!create(lock, JSON.stringify(me))) {
    const holder = readHolder(lock);
    if (holder !== undefined && isAlive(holder, me, lock)) {
      const killed = holder.space === me.space ? '' : KILLED_CONTAINER;
      throw new FaceEvalError('STORE', `another command works on ${set} (process ${holder.pid})`, {
        hint: `wait until it is done, or stop it${killed}`,
      });
    }
    rmSync(lock, { force: true });
  }
  const beat = setInterval(() => touch(lock), BEAT_MS).unref();
  return () => {
    clearInterval(beat);
    rmSync(lock, { force: true });
  };
}

function create(lock: string, text: string): boolean {
  try {
    const file = openSync(lock, 'wx');
    writeSync(file, text);
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** @returns Undefined when a kill came before anything was written. */
function readHolder(lock: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(lock, 'utf8')) as Holder;
    return Number.isInteger(holder.pid) ? holder : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder, me: Holder, lock: string): boolean {
  if (holder.boot !== me.boot) return false;
  // Its processes cannot be seen from here.
  if (holder.space !== me.space) {
    const heardMs = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return Date.now() - heardMs < SILENCE_MS;
  }
  const start = stateOf(holder.pid);
  return start === '' ? answers(holder.pid) : start === holder.start;
}

/** Where /proc hides the processes of other users, this still tells. */
function answers(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** '' where the system does not tell. */
function space(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/** `ended` for one that was killed and whose parent has not asked how it ended. */
function stateOf(pid: number | 'self'): string {
  return statFields(pid)?.[0] === 'Z' ? 'ended' : (startOf(pid) ?? '');
}

function touch(lock: string): void {
  try {
    const now = new Date();
    utimesSync(lock, now, now);
  } catch {
    // Somebody removed it by hand. What is running ends as it would have.
  }
}
