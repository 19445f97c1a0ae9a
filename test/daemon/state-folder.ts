import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach } from 'vitest';
import { type Database, openDatabase } from '../../src/daemon/database.js';
import type { EncryptionChoice } from '../../src/daemon/encryption.js';
import { migrate } from '../../src/daemon/migrations.js';

const folders: string[] = [];
const mounts: string[] = [];
const opened: Database[] = [];

afterEach(() => {
  for (const db of opened.splice(0)) db.close();
  for (const mount of mounts.splice(0)) execFileSync('umount', [mount]);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** An empty folder that is gone after the test. */
export function stateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'faceeval-state-'));
  folders.push(folder);
  return folder;
}

/** A database in a folder of its own, closed and gone after the test. */
export async function openState(
  folder = stateFolder(),
  encryption?: EncryptionChoice,
): Promise<Database> {
  const { db } = await openDatabase(folder, encryption);
  opened.push(db);
  return db;
}

/** A database with nothing but memory under it, for tests that make hundreds. */
export function memoryDatabase(): Database {
  const db = new Sqlite(':memory:');
  db.pragma('foreign_keys = ON');
  migrate(db, 0);
  opened.push(db);
  return db;
}

/**
 * A folder on a file system of its own, which can be full or read-only.
 *
 * @returns Undefined where tests may not mount.
 */
export function mountedFolder(sizeBytes: number): string | undefined {
  const folder = stateFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
  } catch {
    return undefined;
  }
  mounts.push(folder);
  return folder;
}

export function makeReadOnly(folder: string): void {
  execFileSync('mount', ['-o', 'remount,ro', folder]);
}
