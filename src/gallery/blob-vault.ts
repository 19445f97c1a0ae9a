import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import { FaceEvalError } from '../domain/errors.js';
import type { Template } from '../domain/records.js';
import { fromBlob, toBlob } from './vector-blob.js';

/** Bytes of a key: AES-256. */
export const KEY_BYTES = 32;

const CIPHER = 'aes-256-gcm';
/** First bytes of everything sealed. With nonce and tag 32 bytes: vectors stay multiples of four. */
const MAGIC = Buffer.from('FES1');
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = MAGIC.byteLength + NONCE_BYTES + TAG_BYTES;

/**
 * What of a face goes into a database and comes out of it again: templates, crops and evidence.
 * With a key they are sealed with AES-256-GCM on the way (docs/storage.md); without one, they are
 * stored as they are.
 */
export class BlobVault {
  readonly #key: Buffer | null;

  /** @param key 32 bytes, or null to store everything as it is. */
  constructor(key: Buffer | null) {
    if (key !== null && key.byteLength !== KEY_BYTES) {
      throw new RangeError(`a key has ${KEY_BYTES} bytes, not ${key.byteLength}`);
    }
    this.#key = key;
  }

  /** Whether what is stored is sealed. */
  get sealed(): boolean {
    return this.#key !== null;
  }

  seal(plain: Uint8Array): Buffer {
    if (this.#key === null) return Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength);
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES });
    const body = cipher.update(plain);
    cipher.final();
    return Buffer.concat([MAGIC, nonce, cipher.getAuthTag(), body]);
  }

  /** @throws FaceEvalError STORE when it was sealed with another key, or is damaged. */
  open(stored: Buffer): Buffer {
    if (this.#key === null) return stored;
    if (!stored.subarray(0, MAGIC.byteLength).equals(MAGIC)) throw unreadable('it is not sealed');
    const nonce = stored.subarray(MAGIC.byteLength, MAGIC.byteLength + NONCE_BYTES);
    const tag = stored.subarray(HEAD_BYTES - TAG_BYTES, HEAD_BYTES);
    const decipher = createDecipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES });
    try {
      decipher.setAuthTag(tag);
      const plain = decipher.update(stored.subarray(HEAD_BYTES));
      decipher.final();
      return plain;
    } catch (cause) {
      throw unreadable('it is damaged, or of another key', cause);
    }
  }

  sealVector(vector: Template): Buffer {
    return this.seal(toBlob(vector));
  }

  /** @throws FaceEvalError STORE as {@link open}. */
  openVector(stored: Buffer): Template {
    return fromBlob(this.open(stored));
  }

  /** As {@link open}; undefined when it cannot be read: one face is no reason to do without all. */
  openIfWhole(stored: Buffer): Buffer | undefined {
    try {
      return this.open(stored);
    } catch (error) {
      if (error instanceof FaceEvalError) return undefined;
      throw error;
    }
  }

  /** As {@link openVector}; undefined when it cannot be read. */
  openVectorIfWhole(stored: Buffer): Template | undefined {
    const plain = this.openIfWhole(stored);
    return plain === undefined ? undefined : fromBlob(plain);
  }
}

function unreadable(reason: string, cause?: unknown): FaceEvalError {
  return new FaceEvalError('STORE', `a face of the database cannot be decrypted: ${reason}`, {
    hint: 'restore a backup: `faceeval backup list` shows them',
    cause,
  });
}

const PLAIN = new BlobVault(null);
const vaults = new WeakMap<Database, BlobVault>();

/** The vault of a database: it is keyed for as long as the connection is open. */
export function vaultOf(db: Database): BlobVault {
  return vaults.get(db) ?? PLAIN;
}

/** Keys a connection, before anything of a face is read from it or written to it. */
export function useVault(db: Database, vault: BlobVault): void {
  vaults.set(db, vault);
}
