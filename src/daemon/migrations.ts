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
  {
    version: 2,
    name: 'evidence of hits, shots of strangers, look-alikes, consent',
    sql: `
      ALTER TABLE identities ADD COLUMN consent_note TEXT;
      ALTER TABLE identities ADD COLUMN expires_at_ms INTEGER;

      -- Whether the template was compared with those of other identities (look_alikes).
      ALTER TABLE templates ADD COLUMN compared INTEGER NOT NULL DEFAULT 0;
      CREATE INDEX templates_to_compare ON templates (family) WHERE compared = 0;
      CREATE TABLE look_alikes (
        family      TEXT NOT NULL,
        identity_id TEXT NOT NULL REFERENCES identities(id) ON DELETE CASCADE,
        other_id    TEXT NOT NULL REFERENCES identities(id) ON DELETE CASCADE,
        similarity  REAL NOT NULL,
        PRIMARY KEY (family, identity_id, other_id)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX look_alikes_by_other ON look_alikes (other_id);

      -- Hits are only appended and read in their order: a rowid table without another index
      -- spares the SD card two pages a hit. Ids rise with seq, so a hit is found by bisection.
      CREATE TABLE hits_2 (
        seq            INTEGER PRIMARY KEY,
        id             TEXT NOT NULL,
        type           TEXT NOT NULL CHECK (type IN ('recognised', 'unknown')),
        camera         TEXT NOT NULL,
        -- Whom the hit is about as far as is known now: corrections and naming change it.
        identity_id    TEXT,
        stranger_id    TEXT,
        correction     TEXT CHECK (correction IN ('wrong', 'named')),
        captured_at_ms INTEGER NOT NULL,
        family         TEXT,
        -- Template of the track, eight bits a value.
        evidence       BLOB,
        -- As it was decided and sent; never changed.
        payload        TEXT NOT NULL
      ) STRICT;
      INSERT INTO hits_2 (id, type, camera, identity_id, captured_at_ms, payload)
        SELECT id, type, camera, identity_id, captured_at_ms, payload FROM hits ORDER BY id;

      -- The payload of a waiting hit is that of its row in hits.
      CREATE TABLE outbox_2 (
        seq           INTEGER PRIMARY KEY,
        hit_id        TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        -- Start of the machine that the monotonic time counts from: the wall clock may jump.
        boot          TEXT NOT NULL,
        created_mono_ms INTEGER NOT NULL
      ) STRICT;
      INSERT INTO outbox_2 (seq, hit_id, created_at_ms, boot, created_mono_ms)
        SELECT h.seq, o.hit_id, o.created_at_ms, '', 0
        FROM outbox o JOIN hits_2 h ON h.id = o.hit_id ORDER BY h.seq;
      DROP TABLE outbox;
      DROP TABLE hits;
      ALTER TABLE hits_2 RENAME TO hits;
      ALTER TABLE outbox_2 RENAME TO outbox;

      -- 'ignored': never reported. 'corrected': somebody who was taken for an identity once.
      ALTER TABLE strangers ADD COLUMN anchor TEXT CHECK (anchor IN ('ignored', 'corrected'));
      CREATE TABLE stranger_shots (
        id          INTEGER PRIMARY KEY,
        stranger_id TEXT NOT NULL REFERENCES strangers(id) ON DELETE CASCADE,
        build       TEXT NOT NULL,
        vector      BLOB NOT NULL CHECK (length(vector) % 4 = 0),
        quality     REAL NOT NULL,
        crop        BLOB,
        seen_at_ms  INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX stranger_shots_by_stranger ON stranger_shots (stranger_id);
      INSERT INTO stranger_shots (stranger_id, build, vector, quality, crop, seen_at_ms)
        SELECT id, '', vector, 0, crop, last_seen_at_ms FROM strangers;
      ALTER TABLE strangers DROP COLUMN crop;
    `,
  },
];

/** Version of a database that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.at(-1)?.version ?? 0;

/**
 * Runs the steps that are missing, each in one transaction.
 *
 * @param from Version that the database has; 0 for an empty one.
 * @param steps Those of the program, or those of a test.
 */
export function migrate(db: Database, from: number, steps = MIGRATIONS): void {
  for (const { version, sql } of steps) {
    if (version <= from) continue;
    db.transaction(() => {
      db.exec(sql);
      db.pragma(`user_version = ${version}`);
    })();
  }
}
