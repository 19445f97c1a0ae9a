import { copyFile, mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Copies a file, whose copy appears whole or not at all; makes the folder that it goes into. */
export async function copyWhole(from: string, to: string): Promise<void> {
  const partial = `${to}.partial`;
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, partial);
  await rename(partial, to);
}
