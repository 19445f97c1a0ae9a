import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { KEY_BYTES } from './blob-vault.js';

const HOW = 'make one with: (umask 077; openssl rand -base64 32 > FILE)';

/**
 * Reads the key that faces are encrypted with: 32 bytes, as they are or in base64 or hexadecimal.
 *
 * @throws FaceEvalError CONFIG when the file is missing, readable by others, or holds no key.
 */
export function readKeyFile(path: string): Buffer {
  let content: Buffer;
  let mode: number;
  try {
    content = readFileSync(path);
    ({ mode } = statSync(path));
  } catch (cause) {
    throw new FaceEvalError('CONFIG', `encryption.keyFile cannot be read: ${messageOf(cause)}`, {
      hint: `the faces are encrypted with it: put it back. For a new gallery ${HOW}`,
      cause,
    });
  }
  if ((mode & 0o077) !== 0 && !isCredential(path)) {
    throw new FaceEvalError('CONFIG', `encryption.keyFile ${path} can be read by other users`, {
      hint: `chmod 600 ${path}`,
    });
  }
  const key = keyIn(content);
  if (key !== undefined) return key;
  throw new FaceEvalError('CONFIG', `encryption.keyFile ${path} holds no key of 32 bytes`, {
    hint: HOW,
  });
}

/** systemd guards its credentials by an access list, which shows as rights of the group. */
function isCredential(path: string): boolean {
  const folder = process.env.CREDENTIALS_DIRECTORY;
  return folder !== undefined && dirname(resolve(path)) === resolve(folder);
}

function keyIn(content: Buffer): Buffer | undefined {
  if (content.byteLength === KEY_BYTES) return content;
  const text = content.toString('latin1').trim();
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  if (/^[A-Za-z0-9+/]{43}=$/.test(text)) return Buffer.from(text, 'base64');
  return undefined;
}
