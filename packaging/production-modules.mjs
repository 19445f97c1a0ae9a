// Lists the folders of a lock file's modules that faceeval needs to run, one a line.
//
//   node packaging/production-modules.mjs package-lock.json
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Dependencies that only build or fetch what the package brings along. */
const BUILD_ONLY = {
  'node_modules/opencv4nodejs': /./,
  'node_modules/better-sqlite3': /^prebuild-install$/,
  'node_modules/onnxruntime-node': /^(adm-zip|global-agent)$/,
};
/** Types have no code. */
const TYPES = /(^|\/)@types\//;

/**
 * Follows dependencies from the root, as Node resolves them.
 *
 * @param {Record<string, {dependencies?: object, optionalDependencies?: object}>} packages The
 *   `packages` of a lock file of version 3, by folder; `''` is the project.
 * @returns {string[]} Folders, sorted.
 * @throws Error when a dependency is not in the lock file.
 */
export function productionModules(packages) {
  const found = new Set();
  const pending = [''];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const { dependencies = {}, optionalDependencies = {} } = packages[folder];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      if (BUILD_ONLY[folder]?.test(name) || TYPES.test(name)) continue;
      const target = resolveModule(packages, folder, name);
      if (target === undefined) {
        if (name in optionalDependencies) continue;
        throw new Error(`${name}, needed by ${folder || 'the project'}, is not in the lock file`);
      }
      if (found.has(target)) continue;
      found.add(target);
      pending.push(target);
    }
  }
  return [...found].sort();
}

/** The nearest `node_modules` that holds the name wins. */
function resolveModule(packages, from, name) {
  for (
    let folder = from;
    ;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))
  ) {
    const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (candidate in packages) return candidate;
    if (folder === '') return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const lock = JSON.parse(readFileSync(process.argv[2] ?? 'package-lock.json', 'utf8'));
  process.stdout.write(`${productionModules(lock.packages).join('\n')}\n`);
}
