import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const DIST = join(import.meta.dirname, '../dist');

/** Path of a compiled file, given as its path under src, with .js. test/global-setup.ts made it. */
export function compiledPath(file: string): string {
  return join(DIST, file);
}

/** A module of the sources, in its compiled form. */
export async function compiledModule<T>(file: string): Promise<T> {
  return (await import(pathToFileURL(compiledPath(file)).href)) as T;
}
