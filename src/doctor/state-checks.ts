import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Finding, ok, problem, warning } from './finding.js';

const MIB = 1024 * 1024;
/** Below this a day's hits and a backup may no longer fit. */
const SCARCE_BYTES = 1024 * MIB;
const FULL_BYTES = 100 * MIB;
const OTHERS_MAY_READ = 0o077;

/** Checks the state folder: writable, private, and with room on its disk. */
export function checkState(stateDir: string): readonly Finding[] {
  const existing = nearestExisting(stateDir);
  if (!statSync(existing).isDirectory()) {
    return [problem('state', `${existing} is not a folder`, 'set stateDir to a folder')];
  }
  const findings = [checkWritable(stateDir, existing)];
  if (existing === stateDir) findings.push(checkPrivate(stateDir));
  return [...findings, checkSpace(existing)];
}

function nearestExisting(folder: string): string {
  let at = folder;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  return at;
}

function checkWritable(stateDir: string, existing: string): Finding {
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
  } catch {
    return problem(
      'state',
      `${existing} is not writable by this user`,
      `sudo install -d -m 0700 -o faceeval ${stateDir}, or set stateDir to a folder of yours`,
    );
  }
  return existing === stateDir
    ? ok('state', `${stateDir} is writable`)
    : ok('state', `${stateDir} will be made at the first start`);
}

/** Templates are biometric data: nobody else may read them. */
function checkPrivate(stateDir: string): Finding {
  const open = [stateDir, join(stateDir, 'faceeval.db')].filter((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found !== undefined && (found.mode & OTHERS_MAY_READ) !== 0;
  });
  return open.length === 0
    ? ok('state', 'only this user can read it')
    : problem(
        'state',
        `other users can read ${open.join(' and ')}`,
        `chmod go= ${open.join(' ')}: biometric data are in there`,
      );
}

function checkSpace(folder: string): Finding {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  const text = `${(freeBytes / 1024 / MIB).toFixed(1)} GiB free on the disk of ${folder}`;
  if (freeBytes < FULL_BYTES)
    return problem('state', text, 'make room: hits can no longer be kept');
  if (freeBytes < SCARCE_BYTES) return warning('state', text, 'make room, or lower retention.*');
  return ok('state', text);
}
