import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { storeError } from '../domain/store-error.js';

/**
 * Ids of people who were forgotten, in a file beside the database: neither a backup nor an archive
 * from before can bring them back. An id says nothing about whose it was. Who is enrolled anew gets
 * another one.
 */
export class ForgottenLedger {
  readonly path: string;

  constructor(stateDir: string) {
    this.path = join(stateDir, 'forgotten');
  }

  ids(): ReadonlySet<string> {
    if (!existsSync(this.path)) return new Set();
    try {
      return new Set(readFileSync(this.path, 'utf8').split('\n').filter(Boolean));
    } catch (error) {
      throw storeError(`the list of forgotten people ${this.path} cannot be read`, error);
    }
  }

  /** Adds an id for good, before anything of the person is deleted. */
  add(identityId: string): void {
    try {
      appendFileSync(this.path, `${identityId}\n`, { mode: 0o600 });
      chmodSync(this.path, 0o600);
      const file = openSync(this.path, 'r');
      fsyncSync(file);
      closeSync(file);
    } catch (error) {
      throw storeError(`the list of forgotten people ${this.path} cannot be written`, error);
    }
  }
}
