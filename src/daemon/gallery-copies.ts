import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { isNoSpace } from '../domain/store-error.js';
import { Backups } from './backups.js';
import { makeGalleryBackup } from './gallery-backup.js';

/** The name of the database in a state folder. */
export const DATABASE_FILE = 'faceeval.db';
/** A backup on its way into the place of a damaged database. */
export const PARTIAL_DATABASE = `${DATABASE_FILE}.partial`;

/** Set aside as damaged, or left by a power cut while a backup was restored. */
const LEFTOVER = /\.damaged-|^(restore|faceeval\.db)\.partial/;

/**
 * Writes everything anew: free pages, gaps in pages, the log and copies may hold what was there
 * before. The copies come first: they may take the room that the rest needs.
 *
 * @param label Why, part of the new backup's name.
 * @returns Copies that were replaced or deleted.
 */
export async function rewriteAll(db: Database, stateDir: string, label: string): Promise<number> {
  const replaced = await replaceCopies(db, stateDir, label);
  db.exec('VACUUM');
  db.pragma('wal_checkpoint(TRUNCATE)');
  return replaced.length;
}

/**
 * Deletes every backup, damaged file and leftover, since they hold what must not be kept; if there
 * were backups, one new backup replaces them. Where both have no room, the old ones go first.
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
  const old = [...copies, ...leftovers];
  const deleteOld = () => {
    for (const path of old) rmSync(path, { force: true });
  };
  if (copies.length > 0) {
    await makeGalleryBackup(db, stateDir, label).catch((error: unknown) => {
      if (!isNoSpace(error)) throw error;
      deleteOld();
      return makeGalleryBackup(db, stateDir, label);
    });
  }
  deleteOld();
  return old;
}
