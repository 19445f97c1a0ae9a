import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { mkdir, readFile, rename, rmdir, symlink, unlink } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { copyWhole } from './whole-file.js';

/** Whether something has this name. A link counts by itself, wherever it leads. */
export function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Moves a file aside. A link leads to the same file from its new place.
 *
 * @param link Where it leads when it is a link.
 * @param places Where other files go that move along with it: it leads to them there.
 * @throws FaceEvalError STORE.
 */
export async function moveAside(
  { from, to, link }: { from: string; to: string; link?: string | undefined },
  places: ReadonlyMap<string, string>,
): Promise<void> {
  try {
    await mkdir(dirname(to), { recursive: true });
    if (link === undefined) await moveFile(from, to);
    else {
      await makeLink(from, to, link, places);
      await unlink(from);
    }
  } catch (cause) {
    throw cannotMove(from, cause, ', or undo what was moved with `faceeval data restore`');
  }
}

/**
 * Moves a file back that {@link moveAside} moved.
 *
 * @throws FaceEvalError STORE.
 */
export async function moveBack(to: string, from: string, link: string | undefined): Promise<void> {
  try {
    await mkdir(dirname(from), { recursive: true });
    if (link !== undefined && lstatSync(to).isSymbolicLink()) {
      await symlink(link, from);
      await unlink(to);
    } else await moveFile(to, from);
  } catch (cause) {
    throw cannotMove(to, cause, '');
  }
}

/**
 * Removes one of two files of which the other is the same, see {@link isCopy}.
 *
 * @throws FaceEvalError STORE.
 */
export async function removeCopy(path: string): Promise<void> {
  await unlink(path).catch((cause) => {
    throw cannotMove(path, cause, '');
  });
}

function cannotMove(path: string, cause: unknown, more: string): FaceEvalError {
  return new FaceEvalError('STORE', `cannot move ${path}: ${messageOf(cause)}`, {
    hint: `set right what is in the way and give the command again: it goes on from here${more}`,
    cause,
  });
}

async function moveFile(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EXDEV') throw error;
    // Another file system: the copy is whole before the original goes.
    await copyWhole(from, to);
    await unlink(from);
  });
}

async function makeLink(
  from: string,
  to: string,
  link: string,
  places: ReadonlyMap<string, string>,
): Promise<void> {
  // The folders may be reached by links themselves; a link is followed from where its folder is.
  const target = resolve(realpathSync(dirname(from)), link);
  const place = places.get(target) ?? target;
  const moved = isAbsolute(link) ? place : relative(realpathSync(dirname(to)), place);
  await symlink(moved, to).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPERM') throw error;
    // A file system without links, as of most USB sticks.
    await copyWhole(from, to);
  });
}

/** Whether a kill came after a file was copied to its new place and before the original went. */
export async function isCopy(from: string, to: string, link: string | undefined): Promise<boolean> {
  try {
    const [original, copy] = [lstatSync(from), lstatSync(to)];
    if (link !== undefined) return copy.isSymbolicLink() && readlinkSync(from) === link;
    if (!original.isFile() || !copy.isFile() || original.size !== copy.size) return false;
    return (await readFile(from)).equals(await readFile(to));
  } catch {
    // What cannot be read may be another file.
    return false;
  }
}

/** Where a link leads, as it says itself; undefined when it is none. */
export function linkOf(path: string): string | undefined {
  return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
}

/** Removes folders that nothing is left in, and those above them, up to one of `stops`. */
export async function removeEmptyFolders(
  folders: readonly string[],
  stops: ReadonlySet<string>,
): Promise<void> {
  for (const folder of new Set(folders)) {
    for (let at = folder; !stops.has(at) && at !== dirname(at); at = dirname(at)) {
      if (!(await removeIfEmpty(at))) break;
    }
  }
}

/** @returns Whether it is gone. One that stays does no harm, whatever keeps it. */
async function removeIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
