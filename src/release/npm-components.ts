import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { FaceEvalError } from '../domain/errors.js';

/** The part of npm's document that is read; the rest is passed on as it is. */
const component = z.looseObject({
  'bom-ref': z.string(),
  name: z.string(),
  version: z.string().optional(),
  licenses: z.array(z.looseObject({})).optional(),
});
const document = z.looseObject({
  specVersion: z.string(),
  components: z.array(component),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()).optional() })),
  metadata: z.looseObject({ component: z.looseObject({ 'bom-ref': z.string() }) }),
});

export type NpmComponent = z.output<typeof component>;
export type NpmDocument = z.output<typeof document>;

/**
 * npm's own list (`npm sbom`) of what the lock file names, reduced to what running needs. The
 * reduction is ours: npm's `--omit=dev` also leaves out what a development tool needs as well.
 *
 * @throws FaceEvalError USAGE when npm cannot say, as it cannot before version 10.
 */
export function npmDocument(checkout: string): NpmDocument {
  const formats = ['--sbom-format=cyclonedx', '--sbom-type=application'];
  const { status, stdout, stderr } = spawnSync('npm', ['sbom', '--package-lock-only', ...formats], {
    cwd: checkout,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (status !== 0) {
    throw new FaceEvalError('USAGE', `npm sbom does not work: ${stderr.split('\n')[0]}`, {
      hint: 'npm 10 or later is needed',
    });
  }
  const all = withoutRepeats(document.parse(JSON.parse(stdout)));
  const needed = reachable(all, productionNames(checkout));
  return { ...all, components: all.components.filter((one) => needed.has(one['bom-ref'])) };
}

/** npm 10 lists a package anew for each folder it lies in, which CycloneDX forbids. */
function withoutRepeats(all: NpmDocument): NpmDocument {
  const components = new Map(all.components.toReversed().map((one) => [one['bom-ref'], one]));
  const below = new Map<string, Set<string>>();
  for (const { ref, dependsOn = [] } of all.dependencies) {
    const known = below.get(ref) ?? new Set();
    below.set(ref, new Set([...known, ...dependsOn]));
  }
  return {
    ...all,
    components: [...components.values()].reverse(),
    dependencies: [...below].map(([ref, refs]) => ({ ref, dependsOn: [...refs] })),
  };
}

function productionNames(checkout: string): ReadonlySet<string> {
  const text = readFileSync(join(checkout, 'package.json'), 'utf8');
  const { dependencies = {} } = JSON.parse(text) as { dependencies?: Record<string, string> };
  return new Set(Object.keys(dependencies));
}

/** References of everything that the named packages need, themselves included. */
function reachable(all: NpmDocument, names: ReadonlySet<string>): ReadonlySet<string> {
  const below = new Map(all.dependencies.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
  const direct = new Set(below.get(all.metadata.component['bom-ref']));
  const found = new Set<string>();
  const pending = all.components
    .filter((one) => direct.has(one['bom-ref']) && names.has(one.name))
    .map((one) => one['bom-ref']);
  for (let ref = pending.pop(); ref !== undefined; ref = pending.pop()) {
    if (found.has(ref)) continue;
    found.add(ref);
    pending.push(...(below.get(ref) ?? []));
  }
  return found;
}

/** `name@version` of every package that lies under a node_modules folder, at any depth. */
export function installedPackages(modules: string): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (folder: string): void => {
    if (!existsSync(folder)) return;
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
      if (entry.name.startsWith('@')) visit(path);
      else note(path);
    }
  };
  const note = (path: string): void => {
    const manifest = join(path, 'package.json');
    if (existsSync(manifest)) {
      const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as Record<
        string,
        string
      >;
      found.set(`${name}@${version}`, path);
    }
    visit(join(path, 'node_modules'));
  };
  visit(modules);
  return found;
}

/**
 * Folder of a component. An alias (`opencv4nodejs` for `@u4/opencv4nodejs`) lies under its own name
 * with the package's real one inside.
 */
export function folderOf(
  component: NpmComponent,
  installed: ReadonlyMap<string, string>,
): string | undefined {
  const exact = installed.get(`${component.name}@${component.version}`);
  if (exact !== undefined) return exact;
  const [, path] =
    [...installed].find(
      ([key, folder]) =>
        key.endsWith(`@${component.version}`) && folder.endsWith(`/node_modules/${component.name}`),
    ) ?? [];
  return path;
}

/** SPDX expression, as far as the package states one. */
export function licenceOf(component: NpmComponent): string {
  const stated = (component.licenses ?? []).map((entry) => {
    const { license, expression } = entry as {
      license?: { id?: string; name?: string };
      expression?: string;
    };
    return expression ?? license?.id ?? license?.name ?? '';
  });
  return stated.filter(Boolean).join(' OR ') || 'not stated';
}
