import type { Database } from 'better-sqlite3';
import { z } from 'zod';
import { FaceEvalError } from '../domain/errors.js';
import { BlobVault, useVault, vaultOf } from '../gallery/blob-vault.js';
import { readKeyFile } from '../gallery/key-file.js';
import { deleteSetting, readSetting, writeSetting } from '../gallery/settings.js';

/** What the configuration says of encryption. */
export interface EncryptionChoice {
  readonly enabled: boolean;
  readonly keyFile?: string | undefined;
}

/** Everything that is a face or can be compared with one. Other columns are not sealed. */
const SEALED: readonly { readonly table: string; readonly columns: readonly string[] }[] = [
  { table: 'templates', columns: ['vector', 'crop'] },
  { table: 'strangers', columns: ['vector'] },
  { table: 'stranger_shots', columns: ['vector', 'crop'] },
  { table: 'hits', columns: ['evidence'] },
];
const SETTING = 'encryption';
/** Sealed with the key, so that another key is known for one before anything is read. */
const PROOF = Buffer.from('faceeval');
const BATCH_ROWS = 200;

const stateSchema = z.strictObject({
  cipher: z.enum(['aes-256-gcm', 'none']),
  proof: z.base64().optional(),
  /** Backups and free pages may hold the other form still. */
  cleaning: z.boolean(),
});
type State = z.output<typeof stateSchema>;

/** Pieces of faces that were converted. */
interface Converted {
  readonly blobs: number;
  /** Damaged ones, which nothing can decrypt: they are gone. */
  readonly lost: number;
}

/** What unlocking a database came to. */
export interface Unlocked {
  /** Faces that were sealed or opened, as the configuration asks now and did not before. */
  readonly converted?: Converted & { readonly to: 'sealed' | 'plain' };
  /** Remains and copies in the other form have to go; then {@link endCleaning}. */
  readonly cleaning: boolean;
}

/**
 * Keys the connection of a database as the configuration asks, and converts what is in it if it
 * was stored in the other form. Nobody else may have it open while that is done.
 *
 * @throws FaceEvalError CONFIG when a key is needed and missing, STORE when it is the wrong one or
 *   the database is in use.
 */
export async function unlock(
  db: Database,
  choice: EncryptionChoice | undefined,
): Promise<Unlocked> {
  const state = stateOf(db);
  const keyFile = choice?.keyFile;
  if (keyFile === undefined) {
    if (state.cipher === 'none') return { cleaning: state.cleaning };
    throw new FaceEvalError(
      'CONFIG',
      `the faces of ${db.name} are encrypted, and there is no key`,
      {
        hint: 'name its file in encryption.keyFile; without it they cannot be had back',
      },
    );
  }
  const enabled = choice?.enabled === true;
  if (state.cipher === 'none' && !enabled) return { cleaning: state.cleaning };
  const sealed = new BlobVault(readKeyFile(keyFile));
  if (state.cipher !== 'none') requireKey(sealed, state, db.name, keyFile);
  useVault(db, enabled ? sealed : new BlobVault(null));
  if ((state.cipher !== 'none') === enabled) return { cleaning: state.cleaning };
  const from = enabled ? new BlobVault(null) : sealed;
  const done = await alone(db, () => convertInSteps(convert(db, from, vaultOf(db), true)));
  return { converted: { to: enabled ? 'sealed' : 'plain', ...done }, cleaning: true };
}

/** Nothing is left in the other form. */
export function endCleaning(db: Database): void {
  const state = stateOf(db);
  if (state.cleaning) writeState(db, { ...state, cleaning: false });
}

/**
 * Brings a copy that nobody uses, a backup to be restored, into the form of a database.
 *
 * @throws FaceEvalError STORE when it was sealed with a key that the database does not have.
 */
export function convertCopy(copy: Database, like: Database): void {
  const state = stateOf(copy);
  const vault = vaultOf(like);
  if (state.cipher === 'none') {
    if (vault.sealed) convertAtOnce(convert(copy, new BlobVault(null), vault, false));
    return;
  }
  if (!vault.sealed) {
    throw new FaceEvalError('STORE', 'it is encrypted, and this gallery is not', {
      hint: 'turn encryption on with the key that it was made under, then restore it',
    });
  }
  requireKey(vault, state, 'the backup', 'encryption.keyFile');
}

function stateOf(db: Database): State {
  const kept = readSetting(db, SETTING);
  if (kept === undefined) return { cipher: 'none', cleaning: false };
  const parsed = stateSchema.safeParse(JSON.parse(kept));
  if (parsed.success) return parsed.data;
  throw new FaceEvalError('STORE', `how ${db.name} is encrypted is not understood`, {
    hint: 'a newer faceeval wrote it: install that one again',
  });
}

function writeState(db: Database, state: State): void {
  if (state.cipher === 'none' && !state.cleaning) deleteSetting(db, SETTING);
  else writeSetting(db, SETTING, JSON.stringify(state));
}

function requireKey(vault: BlobVault, { proof }: State, what: string, keyFile: string): void {
  try {
    if (vault.open(Buffer.from(proof ?? '', 'base64')).equals(PROOF)) return;
  } catch (cause) {
    throw new FaceEvalError('STORE', `${keyFile} is not the key that ${what} is encrypted with`, {
      hint: 'put the key back that was in use; nothing was changed',
      cause,
    });
  }
  throw new FaceEvalError('STORE', `the proof of the key in ${what} is damaged`);
}

/**
 * Runs work while this is the only connection: a daemon that has the database open knows of one
 * form only. Leaving the write-ahead log also copies it into the file and deletes it.
 */
async function alone<T>(db: Database, work: () => Promise<T>): Promise<T> {
  db.pragma('locking_mode = EXCLUSIVE');
  try {
    db.pragma('journal_mode = DELETE');
    return await work();
  } catch (cause) {
    if ((cause as { code?: string }).code?.startsWith('SQLITE_BUSY') !== true) throw cause;
    throw new FaceEvalError('STORE', `${db.name} is in use: encryption cannot be changed now`, {
      hint: 'end every other faceeval (systemctl stop faceeval), then try again',
      cause,
    });
  } finally {
    db.pragma('locking_mode = NORMAL');
    db.pragma('journal_mode = WAL');
  }
}

/** One transaction, in steps. A damaged face must not keep the others from being decrypted. */
function* convert(
  db: Database,
  from: BlobVault,
  to: BlobVault,
  cleaning: boolean,
): Generator<void, Converted> {
  db.exec('BEGIN IMMEDIATE');
  try {
    const cipher = to.sealed ? 'aes-256-gcm' : 'none';
    const proof = to.sealed ? { proof: to.seal(PROOF).toString('base64') } : {};
    writeState(db, { cipher, ...proof, cleaning });
    let blobs = 0;
    let lost = 0;
    for (const { table, columns } of SEALED) {
      for (const column of columns) {
        const done = yield* convertColumn(db, table, column, from, to);
        blobs += done.blobs;
        lost += done.lost;
      }
    }
    db.exec('COMMIT');
    return { blobs, lost };
  } finally {
    if (db.inTransaction) db.exec('ROLLBACK');
  }
}

function* convertColumn(
  db: Database,
  table: string,
  column: string,
  from: BlobVault,
  to: BlobVault,
): Generator<void, Converted> {
  const next = db.prepare<[number], { id: number; blob: Buffer }>(
    `SELECT rowid AS id, ${column} AS blob FROM ${table}
     WHERE rowid > ? AND ${column} IS NOT NULL ORDER BY rowid LIMIT ${BATCH_ROWS}`,
  );
  const update = db.prepare(`UPDATE ${table} SET ${column} = ? WHERE rowid = ?`);
  // Without its vector a row is of no use.
  const drop = db.prepare(
    column === 'vector'
      ? `DELETE FROM ${table} WHERE rowid = ?`
      : `UPDATE ${table} SET ${column} = NULL WHERE rowid = ?`,
  );
  let blobs = 0;
  let lost = 0;
  for (let after = 0; ; ) {
    const rows = next.all(after);
    for (const { id, blob } of rows) {
      const plain = from.openIfWhole(blob);
      if (plain === undefined) lost += drop.run(id).changes;
      else blobs += update.run(to.seal(plain), id).changes;
    }
    const last = rows.at(-1);
    if (last === undefined) return { blobs, lost };
    after = last.id;
    yield;
  }
}

/** Thousands of faces take their time: systemd has to hear meanwhile that we are alive. */
async function convertInSteps<T>(steps: Generator<void, T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function convertAtOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
