import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { FaceEvalError } from '../domain/errors.js';

const dependencies = z.record(z.string(), z.string()).default({});
const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      name: z.string().optional(),
      version: z.string().optional(),
      dependencies,
      optionalDependencies: dependencies,
    }),
  ),
});

/** The `packages` of a lock file of version 3, by folder; `''` is the project. */
export type LockedPackages = z.output<typeof lockSchema>['packages'];

/** Dependencies that only build or fetch what the package brings along. */
const BUILD_ONLY: Readonly<Record<string, RegExp>> = {
  'node_modules/opencv4nodejs': /./,
  'node_modules/better-sqlite3': /^prebuild-install$/,
  'node_modules/onnxruntime-node': /^(adm-zip|global-agent)$/,
};
/** Types have no code. */
const TYPES = /(^|\/)@types\//;

/** Reads a package-lock.json. */
export function readLock(path: string): LockedPackages {
  return lockSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).packages;
}

/**
 * Folders of the modules that faceeval needs to run: follows dependencies from the root as Node
 * resolves them. npm's own `--omit=dev` would keep what only compiles the addons.
 *
 * @returns Folders, sorted.
 * @throws FaceEvalError USAGE when a dependency is not in the lock file.
 */
export function productionModules(packages: LockedPackages): string[] {
  const found = new Set<string>();
  const pending = [''];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const { dependencies = {}, optionalDependencies = {} } = packages[folder] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      if (BUILD_ONLY[folder]?.test(name) || TYPES.test(name)) continue;
      const target = resolveModule(packages, folder, name);
      if (target === undefined && !(name in optionalDependencies)) {
        throw new FaceEvalError(
          'USAGE',
          `${name}, needed by ${folder || 'the project'}, is not in the lock file`,
          { hint: 'npm install brings package-lock.json up to date' },
        );
      }
      if (target === undefined || found.has(target)) continue;
      found.add(target);
      pending.push(target);
    }
  }
  return [...found].sort();
}

/** `name@version` of what lies in a folder, under the name that its author gave it. */
export function packageIn(packages: LockedPackages, folder: string): string {
  const { name, version } = packages[folder] ?? {};
  return `${name ?? folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`;
}

/** The nearest `node_modules` that holds the name wins. */
function resolveModule(packages: LockedPackages, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = ownerOf(folder)) {
    const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (candidate in packages) return candidate;
    if (folder === '') return undefined;
  }
}

/** The folder whose `node_modules` a module lies in. */
function ownerOf(folder: string): string {
  return folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1));
}
