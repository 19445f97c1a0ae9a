import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';

/** A photo and whose it is. */
export interface NamedPhoto {
  readonly name: string;
  readonly path: string;
  /** Why the file is not even opened. */
  readonly refusal?: string;
}

const PHOTO = /\.(jpe?g|png|webp|bmp|tiff?)$/i;
/** Files that systems put into folders unseen. */
const UNSEEN = /^(\..*|thumbs\.db|desktop\.ini)$/i;

/** What an error of reading a photo or a folder means, and for closed ones what to do. */
export function whyUnreadable(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  // Homes are closed to others on Debian, so to the user of the service as well.
  return code === 'EACCES'
    ? `${messageOf(error)}: the user of this command may not read it; for the service, ` +
        '`sudo install -o faceeval -m 0400 PHOTO /tmp/` makes a copy that it may read'
    : messageOf(error);
}

/**
 * Photos of a folder in the two usual layouts: `DIR/Name.jpg` and `DIR/Name/*.jpg`. Underscores in
 * names stand for blanks. What else lies there comes with a refusal: nobody is left out in silence.
 *
 * @throws FaceEvalError USAGE when there is no such folder, it is closed, or no photo is in it.
 */
export function listNamedPhotos(dir: string): NamedPhoto[] {
  let photos: NamedPhoto[];
  try {
    photos = photosIn(dir);
  } catch (cause) {
    if (cause instanceof FaceEvalError) throw cause;
    throw new FaceEvalError('USAGE', `cannot list ${dir}: ${whyUnreadable(cause)}`, { cause });
  }
  if (photos.some(({ refusal }) => refusal === undefined)) return photos;
  throw new FaceEvalError('USAGE', `there is no photo in ${dir}`, {
    hint: 'photos are JPEG, PNG, WebP, BMP or TIFF files',
  });
}

function photosIn(dir: string): NamedPhoto[] {
  if (!isFolder(dir)) {
    throw new FaceEvalError('USAGE', `there is no folder ${dir}`, {
      hint: 'give a folder with Name.jpg files, or with a folder of photos for each name',
    });
  }
  return filesOf(dir).flatMap((entry) => {
    const path = join(dir, entry);
    return isFolder(path)
      ? filesOf(path).map((file) => namedPhoto(entry, join(path, file)))
      : [namedPhoto(basename(entry, extname(entry)), path)];
  });
}

/** Follows links: photos often lie elsewhere. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function filesOf(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => !UNSEEN.test(name))
    .sort();
}

function namedPhoto(text: string, path: string): NamedPhoto {
  const photo = { name: nameOf(text), path };
  if (isFolder(path)) return { ...photo, refusal: 'it is a folder inside the folder of a person' };
  if (PHOTO.test(path)) return photo;
  return { ...photo, refusal: 'only JPEG, PNG, WebP, BMP and TIFF files are read' };
}

function nameOf(text: string): string {
  return text.replaceAll('_', ' ');
}
