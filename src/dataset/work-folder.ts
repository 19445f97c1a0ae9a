import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { writeJsonFile } from '../models/json-file.js';
import { takeSetLock } from './set-lock.js';

/** Where things about a set are kept: beside it, so that the set holds images alone. */
export interface WorkFolder {
  /** Absolute path of the set itself, links followed. */
  readonly set: string;
  /** `<set>.faceeval`: journal, moves, reports. */
  readonly path: string;
  /** `<set>.rejected`: images that were moved aside. */
  readonly rejected: string;
  /** Place for the workers' files; emptied by every run. */
  readonly scratch: string;
}

/**
 * Absolute path of a folder that the user named.
 *
 * @throws FaceEvalError USAGE for an empty name, which would mean the folder one happens to be in.
 */
export function resolveNamed(folder: string): string {
  if (folder !== '') return resolve(folder);
  throw new FaceEvalError('USAGE', 'the name of a folder is empty', {
    hint: 'perhaps a shell variable is not set; give . to mean the folder that you are in',
  });
}

/** @throws FaceEvalError USAGE when there is no such folder. */
export function workFolderOf(set: string): WorkFolder {
  const named = resolveNamed(set);
  let root: string;
  try {
    root = realpathSync(named);
  } catch (cause) {
    throw new FaceEvalError('USAGE', `there is no folder ${set}`, {
      hint: 'give the folder of a set: <set>/<identity>/<n>.jpg',
      cause,
    });
  }
  const path = `${root}.faceeval`;
  return { set: root, path, rejected: `${root}.rejected`, scratch: join(path, 'scratch') };
}

/**
 * @param folder Absolute path of a folder that takes images of a set.
 * @throws FaceEvalError USAGE when one of the two lies in the other.
 */
export function refuseOverlap(folder: string, set: string, hint: string): void {
  if (`${folder}/`.startsWith(`${set}/`) || `${set}/`.startsWith(`${folder}/`)) {
    throw new FaceEvalError('USAGE', `${folder} lies in the set, or the set in it`, { hint });
  }
}

/**
 * Holds a set's work folder while `run` works on it, so that two commands never move the same
 * files.
 *
 * @throws FaceEvalError STORE when another command that is alive holds it, or it cannot be made.
 */
export async function holding<T>(folder: WorkFolder, run: () => Promise<T>): Promise<T> {
  let release = () => {};
  try {
    mkdirSync(folder.path, { recursive: true });
    release = takeSetLock(join(folder.path, 'lock'), folder.set);
    rmSync(folder.scratch, { recursive: true, force: true });
    mkdirSync(folder.scratch, { recursive: true });
  } catch (cause) {
    release();
    if (cause instanceof FaceEvalError) throw cause;
    throw new FaceEvalError('STORE', `cannot write ${folder.path}: ${messageOf(cause)}`, {
      hint: 'what is kept about a set lies beside it: that place must be writable',
      cause,
    });
  }
  try {
    return await run();
  } finally {
    rmSync(folder.scratch, { recursive: true, force: true });
    release();
  }
}

/** Writes what a command found and did, for people and scripts that come later. */
export function writeReport(folder: WorkFolder, name: string, report: object): void {
  writeJsonFile(join(folder.path, name), report);
}
