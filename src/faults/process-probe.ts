import { readdirSync, readFileSync } from 'node:fs';
import { statFields } from '../domain/process-start.js';

/** One look at a process, from /proc. */
export interface ProcessSample {
  /** Monotonic clock of the look. */
  readonly atMs: number;
  /** Resident memory, shared pages counted in proportion. */
  readonly pssBytes: number;
  /**
   * Its part that no file backs: heaps, stacks, buffers. What leaks is there; the rest, programs and
   * models, is only mapped and changes with what else runs on the machine.
   */
  readonly anonymousBytes: number;
  /** Open file descriptors. */
  readonly handles: number;
  /** Processor time since its start. */
  readonly cpuMs: number;
}

/** The kernel's clock ticks a second (USER_HZ), the same on every platform that Node runs on. */
const TICKS_A_SECOND = 100;

/** @returns Undefined when the process is gone, or is another user's. */
export function sampleProcess(pid: number): ProcessSample | undefined {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    return {
      atMs: performance.now(),
      pssBytes: kilobytes(rollup, 'Pss') * 1024,
      anonymousBytes: (kilobytes(rollup, 'Anonymous') + kilobytes(rollup, 'Pss_Shmem')) * 1024,
      handles: readdirSync(`/proc/${pid}/fd`).length,
      cpuMs: cpuMsOf(pid),
    };
  } catch {
    return undefined;
  }
}

/** Bytes that a process has sent towards the disk; what never left the cache is not among them. */
export function writtenBytes(pid: number): number {
  const io = readFileSync(`/proc/${pid}/io`, 'latin1');
  return Number(/^write_bytes: (\d+)$/m.exec(io)?.[1] ?? 0);
}

/** Process ids of the children of a process. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => parentOf(child) === pid);
}

/** The words that a process was started with. */
export function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    // It is gone.
    return [];
  }
}

function kilobytes(rollup: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0);
}

function parentOf(pid: number): number | undefined {
  const parent = statFields(pid)?.[1];
  return parent === undefined ? undefined : Number(parent);
}

function cpuMsOf(pid: number): number {
  const fields = statFields(pid) ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_A_SECOND;
}
