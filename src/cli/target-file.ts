import { accessSync, constants, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';

/**
 * Checks before the work that a file can be written when it is done.
 *
 * @param option The option that names the file.
 * @throws FaceEvalError USAGE when it is a folder, or lies where nothing can be written.
 */
export function requireTarget(option: string, path: string): void {
  const refuse = (why: string, cause?: unknown) =>
    new FaceEvalError('USAGE', `--${option} cannot be written: ${why}`, {
      hint: 'name a file in a folder that is there',
      cause,
    });
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch (cause) {
    throw refuse(messageOf(cause), cause);
  }
  const present = statSync(path, { throwIfNoEntry: false });
  if (path === '' || present?.isDirectory() === true) throw refuse(`"${path}" is no file`);
}

/** @throws FaceEvalError STORE when it cannot be written after all: the disk is full, say. */
export async function writeTarget(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeFile(path, content);
  } catch (cause) {
    throw new FaceEvalError('STORE', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  }
}
