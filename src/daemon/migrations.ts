import type { Database } from 'better-sqlite3';

/** One step of the schema. Steps are never changed once released, only added. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'gallery, hits, outbox',
    sql: `
      CREATE TABLE identities (
        id            TEXT PRIMARY KEY,
        name          TEXT NOT NULL,
        -- Folded, so that "Ann" and "ANN" cannot both exist, in any script.
        name_key      TEXT NOT NULL UNIQUE,
        created_at_ms INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE templates (
        id            TEXT PRIMARY KEY,
        identity_id   TEXT NOT NULL REFERENCES identities(id) ON DELETE CASCADE,
        family        TEXT NOT NULL,
        build         TEXT NOT NULL,
        vector        BLOB NOT NULL CHECK (length(vector) % 4 = 0),
        quality       REAL NOT NULL,
        crop          BLOB,
        source        TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX templates_by_family ON templates (family, identity_id);
      CREATE TABLE hits (
        id             TEXT PRIMARY KEY,
        type           TEXT NOT NULL CHECK (type IN ('recognised', 'unknown')),
        camera         TEXT NOT NULL,
        identity_id    TEXT,
        captured_at_ms INTEGER NOT NULL,
        payload        TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE outbox (
        seq           INTEGER PRIMARY KEY AUTOINCREMENT,
        hit_id        TEXT NOT NULL UNIQUE,
        topic         TEXT NOT NULL,
        payload       TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE strangers (
        id              TEXT PRIMARY KEY,
        number          INTEGER NOT NULL UNIQUE,
        family          TEXT NOT NULL,
        vector          BLOB NOT NULL CHECK (length(vector) % 4 = 0),
        sightings       INTEGER NOT NULL,
        crop            BLOB,
        first_seen_at_ms INTEGER NOT NULL,
        last_seen_at_ms INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    `,
  },
];

/** Version of a database that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.at(-1)?.version ?? 0;

/** Runs the steps that are missing, each in one transaction. */
export function migrate(db: Database, from: number): void {
  for (const { version, sql } of MIGRATIONS) {
    if (version <= from) continue;
    db.transaction(() => {
      db.exec(sql);
      db.pragma(`user_version = ${version}`);
    })();
  }
}
