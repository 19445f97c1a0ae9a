import { existsSync, statSync } from 'node:fs';
import type { Config } from '../config/schema.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { readKeyFile } from '../gallery/key-file.js';
import { type Finding, ok, problem, warning } from './finding.js';

/** Whether the key of encrypted faces can be used, and lies elsewhere than what it protects. */
export function checkEncryption({
  encryption,
  stateDir,
}: Pick<Config, 'encryption' | 'stateDir'>): Finding[] {
  const { enabled, keyFile } = encryption;
  if (!enabled || keyFile === undefined) return [];
  try {
    readKeyFile(keyFile);
  } catch (error) {
    const hint = error instanceof FaceEvalError ? error.hint : undefined;
    return [problem('state', messageOf(error), hint ?? 'see docs/storage.md')];
  }
  if (existsSync(stateDir) && statSync(stateDir).dev === statSync(keyFile).dev) {
    return [
      warning(
        'state',
        `the key ${keyFile} lies on the same disk as the faces that it encrypts`,
        'whoever takes the disk has both: seal it with systemd-creds (docs/storage.md)',
      ),
    ];
  }
  return [ok('state', 'faces are encrypted, and their key can be read')];
}
