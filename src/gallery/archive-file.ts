import { createHash } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createTar, type ParsedTarFileItem, parseTar } from 'nanotar';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { storeError } from '../domain/store-error.js';
import { CHECKSUMS_FILE } from './archive-format.js';

/** Content of an archive by path. */
export type ArchiveFiles = ReadonlyMap<string, Uint8Array>;

/** An archive is put together and taken apart in memory: 100,000 faces with crops fit in. */
const MAX_BYTES = 1_073_741_824;
const CHECKSUM_LINE = /^([0-9a-f]{64}) [ *](.+)$/;

/**
 * Writes files and their checksums as one tar file, which appears under its name only when it is
 * whole and on the disk. Mode 0600: it holds faces.
 *
 * @throws FaceEvalError USAGE when the file exists, STORE when it cannot be written.
 */
export async function writeArchive(path: string, files: ArchiveFiles): Promise<number> {
  if (await exists(path)) {
    throw new FaceEvalError('USAGE', `${path} exists already`, { hint: 'choose another name' });
  }
  const totalBytes = [...files.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (totalBytes > MAX_BYTES) {
    throw new FaceEvalError('STORE', `the archive would have ${totalBytes} bytes, too many`, {
      hint: 'a backup of the database has no such limit',
    });
  }
  const sums = [...files].map(([name, content]) => `${sha256(content)}  ${name}\n`).join('');
  const tar = createTar(
    [...files, [CHECKSUMS_FILE, Buffer.from(sums)] as const].map(([name, data]) => ({
      name,
      data,
      attrs: { mode: '600' },
    })),
  );
  const partial = `${path}.partial`;
  try {
    const handle = await open(partial, 'w', 0o600);
    try {
      await handle.writeFile(tar);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(partial, { force: true });
    throw storeError(`the archive ${path} cannot be written`, error);
  }
  return tar.byteLength;
}

/**
 * Reads an archive and compares every file with its checksum.
 *
 * @throws FaceEvalError USAGE when there is no such file, ENROLMENT when it is damaged.
 */
export async function readArchive(path: string): Promise<ArchiveFiles> {
  const bytes = await readBounded(path);
  let items: ParsedTarFileItem[];
  try {
    items = parseTar(bytes.buffer as ArrayBuffer);
  } catch (error) {
    throw damaged(path, `it is no tar file (${messageOf(error)})`);
  }
  const files = new Map<string, Uint8Array>();
  for (const { name, type, data } of items) {
    if (type === 'directory') continue;
    if (type !== 'file') throw damaged(path, `${name} is no plain file`);
    if (files.has(name)) throw damaged(path, `${name} is in it twice`);
    files.set(name, data ?? new Uint8Array(0));
  }
  const sums = files.get(CHECKSUMS_FILE);
  if (sums === undefined) throw damaged(path, `it has no ${CHECKSUMS_FILE}`);
  files.delete(CHECKSUMS_FILE);
  checkSums(path, files, Buffer.from(sums).toString('utf8'));
  return files;
}

function checkSums(path: string, files: ArchiveFiles, text: string): void {
  const named = new Set<string>();
  for (const line of text.split('\n').filter((candidate) => candidate !== '')) {
    const [, sum, name] = CHECKSUM_LINE.exec(line) ?? [];
    if (sum === undefined || name === undefined) throw damaged(path, `"${line}" is no checksum`);
    const content = files.get(name);
    if (content === undefined) throw damaged(path, `${name} is missing`);
    if (sha256(content) !== sum) throw damaged(path, `${name} was changed or is damaged`);
    named.add(name);
  }
  const stray = [...files.keys()].find((name) => !named.has(name));
  if (stray !== undefined) throw damaged(path, `${stray} has no checksum`);
}

/** What is wrong with an archive; nothing of it was taken. */
export function damaged(path: string, reason: string): FaceEvalError {
  return new FaceEvalError('ENROLMENT', `the archive ${path} cannot be used: ${reason}`, {
    hint: 'nothing was changed: copy the archive again, or export it anew',
  });
}

async function readBounded(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES * 1.1) throw damaged(path, `it has ${size} bytes, too many`);
    // A buffer of its own: the tar parser reads from the start of what lies beneath.
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if (cause instanceof FaceEvalError) throw cause;
    throw new FaceEvalError('USAGE', `cannot read ${path}: ${messageOf(cause)}`, {
      hint: 'give the path of a file that `faceeval export` wrote',
      cause,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw storeError(`the archive ${path} cannot be written`, error);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
