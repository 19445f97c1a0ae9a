import { statSync } from 'node:fs';
import { join } from 'node:path';
import { FaceEvalError } from '../domain/errors.js';
import { DATABASE_FILE } from './gallery-copies.js';

const ROOT = 0;

/**
 * Refuses to have root work with another user's gallery. What it made would be closed to the daemon
 * of that user: a database, or the list of forgotten people, without which it does not start.
 *
 * @param uid Who runs this command.
 * @throws FaceEvalError STORE when it is root, and the gallery is not root's.
 */
export function requireOwner(stateDir: string, uid = process.getuid?.()): void {
  const owner = ownerOf(join(stateDir, DATABASE_FILE)) ?? ownerOf(stateDir);
  if (uid !== ROOT || owner === undefined || owner === ROOT) return;
  throw new FaceEvalError('STORE', `${stateDir} belongs to the user ${owner}, and root asks`, {
    hint:
      'run the command as that user, who could not read what root writes there; for the ' +
      'service: `sudo -u faceeval faceeval …`',
  });
}

/** Undefined where nothing is, or nothing can be: what is wrong with the path is told when it is used. */
function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined;
  }
}
