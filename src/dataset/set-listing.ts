import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FaceEvalError } from '../domain/errors.js';
import { resolveNamed } from './work-folder.js';

/** The identity of faces that nobody has a name for; the training reads it the same way. */
export const UNLABELLED = '_';

/** One file of a set. */
export interface SetFile {
  /** `<identity>/<file>`, below the set. */
  readonly path: string;
  readonly identity: string;
  readonly file: string;
}

/** A set `data/<set>/<identity>/<n>.jpg`. */
export interface SetListing {
  /** Absolute path of the set. */
  readonly root: string;
  /** Ordered by identity and by number. */
  readonly files: readonly SetFile[];
  readonly identities: readonly string[];
  /** Identities that are links: their images belong to another folder. */
  readonly linked: readonly string[];
  /** What lies where no image belongs: files beside the identities, folders inside one. */
  readonly strays: readonly string[];
}

const ORDER = new Intl.Collator('en', { numeric: true }).compare;
/** Folders that are read at once. */
const READ_AHEAD = 32;

/**
 * Lists a set. Every file of an identity is listed, images or not; hidden ones are left out.
 *
 * @throws FaceEvalError USAGE when there is no such folder, or no identity with a file in it.
 */
export async function listSet(set: string): Promise<SetListing> {
  const root = resolveNamed(set);
  const entries = await readdir(root, { withFileTypes: true }).catch((cause) => {
    throw new FaceEvalError('USAGE', `there is no folder ${set}`, {
      hint: 'give the folder of a set: <set>/<identity>/<n>.jpg',
      cause,
    });
  });
  const strays: string[] = [];
  const identities: string[] = [];
  const linked: string[] = [];
  for (const entry of entries.filter(({ name }) => !name.startsWith('.'))) {
    const { name } = entry;
    const isFolder = await stat(join(root, name)).then(
      (one) => one.isDirectory(),
      () => false,
    );
    if (isFolder) identities.push(name);
    else strays.push(name);
    if (isFolder && entry.isSymbolicLink()) linked.push(name);
  }
  identities.sort(ORDER);
  const files: SetFile[] = [];
  for (let first = 0; first < identities.length; first += READ_AHEAD) {
    const some = identities.slice(first, first + READ_AHEAD);
    const folders = await Promise.all(some.map((identity) => listIdentity(root, identity)));
    for (const folder of folders) {
      files.push(...folder.files);
      strays.push(...folder.strays);
    }
  }
  if (files.length === 0) {
    throw new FaceEvalError('USAGE', `there is no identity with images in ${set}`, {
      hint: 'the layout is <set>/<identity>/<n>.jpg; give the set, not the folder above it',
    });
  }
  return { root, files, identities, linked, strays };
}

/**
 * Lists a set whose images are to be moved.
 *
 * @throws FaceEvalError USAGE as {@link listSet}, and when an identity is a link: its images would
 *   be taken away from another folder.
 */
export async function listMovable(set: string): Promise<SetListing> {
  const listing = await listSet(set);
  const [linked] = listing.linked;
  if (linked === undefined) return listing;
  throw new FaceEvalError('USAGE', `${join(set, linked)} is a link to another folder`, {
    hint: 'its images would be taken away there: put a copy of that folder in place of the link',
  });
}

async function listIdentity(
  root: string,
  identity: string,
): Promise<{ files: SetFile[]; strays: string[] }> {
  const files: SetFile[] = [];
  const strays: string[] = [];
  const entries = await readdir(join(root, identity), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => ORDER(a.name, b.name))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(identity, entry.name);
    if (entry.isDirectory()) strays.push(path);
    else files.push({ path, identity, file: entry.name });
  }
  return { files, strays };
}

/** Files by identity, in the order of the set. */
export function byIdentity<T extends { readonly identity: string }>(
  files: readonly T[],
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const file of files) {
    const group = groups.get(file.identity);
    if (group === undefined) groups.set(file.identity, [file]);
    else group.push(file);
  }
  return groups;
}
