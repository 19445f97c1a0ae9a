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

const DONE = 'done';

/**
 * Ids of people who were forgotten, in a file beside the database: neither a backup nor an archive
 * from before can bring them back. An id says nothing about whose it was. Who is enrolled anew gets
 * another one. A line has an id, and `done` behind it once no copy holds the person any more.
 */
export class ForgottenLedger {
  readonly path: string;

  constructor(stateDir: string) {
    this.path = join(stateDir, 'forgotten');
  }

  ids(): ReadonlySet<string> {
    return new Set(this.#lines().map(([id]) => id));
  }

  /** People whom a crash or a power cut kept from being erased everywhere. */
  unfinished(): string[] {
    const done = new Set(this.#lines().flatMap(([id, state]) => (state === DONE ? id : [])));
    return [...this.ids()].filter((id) => !done.has(id));
  }

  /** Adds an id for good, before anything of the person is deleted. */
  add(identityId: string): void {
    this.#append(identityId);
  }

  /** Nothing is left of the person, in no file. */
  finish(identityId: string): void {
    this.#append(`${identityId} ${DONE}`);
  }

  #lines(): [id: string, state?: string][] {
    if (!existsSync(this.path)) return [];
    try {
      const lines = readFileSync(this.path, 'utf8').split('\n').filter(Boolean);
      return lines.map((line) => line.split(' ') as [string, string?]);
    } catch (error) {
      throw storeError(`the list of forgotten people ${this.path} cannot be read`, error);
    }
  }

  #append(line: string): void {
    try {
      appendFileSync(this.path, `${line}\n`, { mode: 0o600 });
      chmodSync(this.path, 0o600);
      const file = openSync(this.path, 'r');
      fsyncSync(file);
      closeSync(file);
    } catch (error) {
      throw storeError(`the list of forgotten people ${this.path} cannot be written`, error);
    }
  }
}
