import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { Backups } from './backups.js';
import { backUpGallery } from './gallery-backup.js';

/**
 * Deletes every backup and damaged file, since they hold what must not be kept; if there were
 * backups, one new backup replaces them.
 *
 * @param label Why, part of the new backup's name.
 * @returns Paths of the deleted files.
 */
export async function replaceCopies(
  db: Database,
  stateDir: string,
  label: string,
): Promise<string[]> {
  const backups = new Backups(stateDir);
  const copies = backups.list().map(({ path }) => path);
  const damaged = readdirSync(stateDir)
    .filter((name) => name.includes('.damaged-'))
    .map((name) => join(stateDir, name));
  if (copies.length > 0) await backUpGallery(db, stateDir, label);
  for (const path of [...copies, ...damaged]) rmSync(path, { force: true });
  return [...copies, ...damaged];
}
