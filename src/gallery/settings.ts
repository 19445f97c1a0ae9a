import type { Database } from 'better-sqlite3';

/** What is kept under a key of a database; undefined when nothing is. */
export function readSetting(db: Database, key: string): string | undefined {
  return db.prepare<[string], string>('SELECT value FROM settings WHERE key = ?').pluck().get(key);
}

export function writeSetting(db: Database, key: string, value: string): void {
  db.prepare('INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)').run(key, value);
}

/** @returns Whether there was anything. */
export function deleteSetting(db: Database, key: string): boolean {
  return db.prepare('DELETE FROM settings WHERE key = ?').run(key).changes > 0;
}
