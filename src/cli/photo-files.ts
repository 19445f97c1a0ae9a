import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';

/** A photo and whose it is. */
export interface NamedPhoto {
  readonly name: string;
  readonly path: string;
}

const PHOTO = /\.(jpe?g|png|webp|bmp|tiff?)$/i;

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
 * names stand for blanks.
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
  if (photos.length > 0) return photos;
  throw new FaceEvalError('USAGE', `there is no photo in ${dir}`, {
    hint: 'photos are JPEG, PNG, WebP, BMP or TIFF files',
  });
}

function photosIn(dir: string): NamedPhoto[] {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new FaceEvalError('USAGE', `there is no folder ${dir}`, {
      hint: 'give a folder with Name.jpg files, or with a folder of photos for each name',
    });
  }
  const photos: NamedPhoto[] = [];
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      for (const file of readdirSync(path).sort()) {
        if (PHOTO.test(file)) photos.push({ name: nameOf(entry.name), path: join(path, file) });
      }
    } else if (PHOTO.test(entry.name)) {
      photos.push({ name: nameOf(basename(entry.name, extname(entry.name))), path });
    }
  }
  return photos;
}

function nameOf(text: string): string {
  return text.replaceAll('_', ' ');
}
