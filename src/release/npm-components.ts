import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { FaceEvalError } from '../domain/errors.js';
import type { InstalledModule } from './installed-modules.js';
import { packageIn, productionModules, readLock } from './production-modules.js';

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
 * npm's own list (`npm sbom`) of what the lock file names, reduced to what running needs.
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
  const lock = readLock(join(checkout, 'package-lock.json'));
  const needed = new Set(productionModules(lock).map((folder) => packageIn(lock, folder)));
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

/**
 * Folder of a component. An alias (`opencv4nodejs` for `@u4/opencv4nodejs`) lies under its own name
 * with the package's real one inside.
 */
export function folderOf(
  component: NpmComponent,
  installed: readonly InstalledModule[],
): string | undefined {
  const sameVersion = installed.filter(({ version }) => version === component.version);
  const found =
    sameVersion.find(({ name }) => name === component.name) ??
    sameVersion.find(({ folder }) => folder.endsWith(`/node_modules/${component.name}`));
  return found?.folder;
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
