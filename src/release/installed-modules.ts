import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const named = z.union([z.string(), z.looseObject({ name: z.string() }).transform((a) => a.name)]);
const licence = z.union([z.string(), z.looseObject({ type: z.string() }).transform((l) => l.type)]);

/** What is read of a module's package.json; older modules word author and licence as objects. */
const manifestSchema = z
  .looseObject({
    name: z.string(),
    version: z.string(),
    author: named.optional().catch(undefined),
    license: licence.optional(),
    licenses: z.array(licence).optional(),
  })
  .transform(({ license, licenses, ...rest }) => ({ ...rest, license: license ?? licenses?.[0] }));

/** An npm module as it lies below a `node_modules`. */
export interface InstalledModule {
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  readonly author?: string | undefined;
  /** SPDX expression, as the module states it. */
  readonly license: string | undefined;
}

/** The modules below `root/node_modules`, those inside other modules included, by folder. */
export function installedModules(root: string): InstalledModule[] {
  const modules = join(root, 'node_modules');
  if (!existsSync(modules)) return [];
  return foldersIn(modules)
    .flatMap((path) => (/\/@[^/]+$/.test(path) ? foldersIn(path) : [path]))
    .flatMap((folder) => [...moduleIn(folder), ...installedModules(folder)]);
}

function moduleIn(folder: string): InstalledModule[] {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return [];
  return [{ ...manifestSchema.parse(JSON.parse(readFileSync(path, 'utf8'))), folder }];
}

/** Sorted, as a file system gives names in any order and builds have to be repeatable. */
function foldersIn(parent: string): string[] {
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => join(parent, entry.name))
    .sort();
}

const LICENCE_FILE = /^(licen[cs]e|copying|notice)([._-].*)?$/i;

/** Names of a module's files that hold its licence: the licence first, then notices. */
export function licenceFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => LICENCE_FILE.test(name))
    .sort((a, b) => Number(/^notice/i.test(a)) - Number(/^notice/i.test(b)) || (a < b ? -1 : 1));
}
