import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { Backups } from './backups.js';
import { backUpGallery } from './gallery-backup.js';

/** The name of the database in a state folder. */
export const DATABASE_FILE = 'faceeval.db';
/** A backup on its way into the place of a damaged database. */
export const PARTIAL_DATABASE = `${DATABASE_FILE}.partial`;

/** Set aside as damaged, or left by a power cut while a backup was restored. */
const LEFTOVER = /\.damaged-|^(restore|faceeval\.db)\.partial/;

/**
 * Deletes every backup, damaged file and leftover, since they hold what must not be kept; if there
 * were backups, one new backup replaces them.
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
  backups.removePartials();
  const copies = backups.list().map(({ path }) => path);
  const leftovers = readdirSync(stateDir)
    .filter((name) => LEFTOVER.test(name))
    .map((name) => join(stateDir, name));
  if (copies.length > 0) await backUpGallery(db, stateDir, label);
  for (const path of [...copies, ...leftovers]) rmSync(path, { force: true });
  return [...copies, ...leftovers];
}
