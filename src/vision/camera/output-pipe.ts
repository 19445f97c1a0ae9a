import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaceEvalError } from '../../domain/errors.js';

/** Both ends of a pipe, as file descriptors of this process. */
export interface OutputPipe {
  readonly readFd: number;
  readonly writeFd: number;
}

/**
 * Makes a pipe whose reading end belongs to nobody yet, so that a socket can read from it straight
 * into frame buffers. The streams that `spawn` makes allocate 64 KiB for every read instead:
 * a fifth more CPU time and 30 MB more memory (docs/capture.md).
 *
 * @throws FaceEvalError CAMERA when the folder for temporary files cannot be written.
 */
export function openOutputPipe(): OutputPipe {
  const path = join(tmpdir(), `faceeval-${randomUUID()}`);
  try {
    execFileSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' });
    // Without O_NONBLOCK it would wait for the other end to be opened.
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return { readFd, writeFd: openSync(path, constants.O_WRONLY) };
    } catch (error) {
      closeSync(readFd);
      throw error;
    }
  } catch (cause) {
    throw new FaceEvalError('CAMERA', `a pipe cannot be made in ${tmpdir()}`, {
      hint: 'make room there, or let TMPDIR name a folder that can be written',
      cause,
    });
  } finally {
    rmSync(path, { force: true });
  }
}
