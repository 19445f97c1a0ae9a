import { FaceEvalError, messageOf } from './errors.js';

const NO_SPACE = new Set(['SQLITE_FULL', 'ENOSPC', 'EDQUOT']);

/**
 * An error of the database or of its files as the user needs it: a full disk and a folder that
 * must not be written want different remedies.
 *
 * @param what What could not be done: "the hit cannot be written".
 */
export function storeError(what: string, cause: unknown): FaceEvalError {
  if (cause instanceof FaceEvalError) return cause;
  return new FaceEvalError('STORE', `${what}: ${messageOf(cause)}`, {
    hint: hintFor(cause),
    cause,
  });
}

/** Whether the file itself is damaged, so that no later try can go well. */
export function isDamage(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  const name = String(code);
  if (name.startsWith('SQLITE_CORRUPT') || name === 'SQLITE_NOTADB') return true;
  return typeof cause === 'object' && cause !== null && isDamage(cause);
}

/** Whether there was no room, so that a later try can go well. */
export function isNoSpace(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (NO_SPACE.has(String(code))) return true;
  return typeof cause === 'object' && cause !== null && isNoSpace(cause);
}

function hintFor(cause: unknown): string {
  const code = String((cause as { code?: unknown }).code);
  if (NO_SPACE.has(code)) {
    return 'free some disk space; `faceeval doctor` shows how much there is';
  }
  if (code.startsWith('SQLITE_IOERR') || code === 'EIO') {
    return 'free some disk space if `df` says that the disk is full; else it fails: see `dmesg`';
  }
  if (code.startsWith('SQLITE_BUSY')) {
    return 'another faceeval is writing for long: wait for it, or see which one with `fuser`';
  }
  if (isDamage(cause)) {
    return 'restart faceeval: it sets the damaged file aside and restores the newest backup';
  }
  return 'check that the state folder belongs to the user of the daemon and is not mounted read-only';
}
