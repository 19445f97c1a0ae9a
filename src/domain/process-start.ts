import { readFileSync } from 'node:fs';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Names this start of the machine; '' where the system does not tell. */
export function bootId(): string {
  return textOf(BOOT_ID)?.trim() ?? '';
}

/**
 * What follows the name in /proc/PID/stat, the state first: the name may hold blanks and brackets.
 *
 * @returns Undefined when the process is gone, or the system does not show it.
 */
export function statFields(pid: number | 'self'): readonly string[] | undefined {
  const text = textOf(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** When a process began, in ticks since the machine did: numbers of processes are given again. */
export function startOf(pid: number | 'self'): string | undefined {
  return statFields(pid)?.[19];
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
