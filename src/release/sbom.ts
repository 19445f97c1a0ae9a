import { createHash } from 'node:crypto';
import { join, relative } from 'node:path';
import { programVersion } from '../domain/version.js';
import { loadManifest, missingFiles, verifyBuild } from '../models/manifest.js';
import { installedModules } from './installed-modules.js';
import { findNativeFiles, type NativeFile } from './native-files.js';
import { folderOf, type NpmComponent, type NpmDocument, npmDocument } from './npm-components.js';

/** What is described, and how. */
export interface SbomOptions {
  /** Checkout whose dependencies npm knows. */
  readonly checkout: string;
  /** Folder of the installed program: node_modules, models, a Node. The checkout by default. */
  readonly root: string;
  /** `linux/arm64` */
  readonly platform: string;
  /** Time that the document bears. */
  readonly at: Date;
}

interface LicenceEntry {
  readonly license: { readonly id: string } | { readonly name: string };
}

/** A component of a CycloneDX document, as far as it is made here. */
interface Component {
  readonly type: 'library' | 'platform' | 'machine-learning-model';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version?: string;
  readonly description?: string;
  readonly hashes?: readonly { readonly alg: 'SHA-256'; readonly content: string }[];
  readonly licenses: readonly LicenceEntry[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
  readonly components?: readonly Component[];
}

/** What others made of a package. */
export interface PackageParts {
  readonly npm: NpmDocument;
  /** npm's components that are there. */
  readonly modules: readonly NpmComponent[];
  readonly natives: readonly NativeFile[];
}

/** Looks at what a package consists of. */
export function partsOf({ checkout, root, platform }: Omit<SbomOptions, 'at'>): PackageParts {
  const npm = npmDocument(checkout);
  const installed = installedModules(root);
  const modules = npm.components.filter((one) => folderOf(one, installed) !== undefined);
  // A checkout has development tools as well; of a package everything counts.
  const folders =
    root === checkout
      ? modules.map((one) => relative(root, folderOf(one, installed) ?? root))
      : ['.'];
  return { npm, modules, natives: findNativeFiles(root, platform, folders) };
}

/** The CycloneDX document of a package: npm's components, native files, and weights. */
export async function sbom({ at, ...place }: SbomOptions): Promise<object> {
  const { npm, modules, natives } = partsOf(place);
  const added = [...natives.map(nativeComponent), ...(await weights(join(place.root, 'models')))];
  const kept = new Set([...modules, ...added].map((one) => one['bom-ref']));
  const own = `faceeval@${programVersion()}`;
  return {
    ...npm,
    serialNumber: serialOf([...modules, ...added]),
    metadata: {
      ...npm.metadata,
      timestamp: at.toISOString(),
      component: { ...npm.metadata.component, name: 'faceeval', 'bom-ref': own },
    },
    components: [...modules, ...added],
    dependencies: dependencies(npm, own, kept, added),
  };
}

function nativeComponent({ path, sha256, name, version, ...rest }: NativeFile): Component {
  return {
    type: name === 'Node.js' ? 'platform' : 'library',
    'bom-ref': `file:${path}`,
    name,
    ...(version !== undefined && { version }),
    hashes: [{ alg: 'SHA-256', content: sha256 }],
    licenses: [licenceEntry(rest.licence)],
    properties: [{ name: 'faceeval:path', value: path }],
    ...(rest.contains.length > 0 && {
      components: rest.contains.map((inner) => ({
        type: 'library' as const,
        'bom-ref': `file:${path}#${inner.name}`,
        name: inner.name,
        licenses: [licenceEntry(inner.licence)],
      })),
    }),
  };
}

/**
 * Every file of weights that is there, as the manifest describes it.
 *
 * @throws FaceEvalError MODEL when a file is not the one that the manifest means.
 */
async function weights(folder: string): Promise<Component[]> {
  const manifest = loadManifest(folder);
  const present = manifest.builds.filter((build) => missingFiles(manifest, build).length === 0);
  for (const build of present) await verifyBuild(manifest, build);
  return present.flatMap((build) =>
    build.files.map((file) => ({
      type: 'machine-learning-model' as const,
      'bom-ref': `weights:${file.path}`,
      name: file.path,
      description: `${build.role}, ${build.precision}, made from ${build.source}`,
      hashes: [{ alg: 'SHA-256' as const, content: file.sha256 }],
      licenses: [licenceEntry(build.licence)],
      properties: [{ name: 'faceeval:build', value: build.id }],
    })),
  );
}

/** SPDX ids have no blanks; anything else is a name. */
function licenceEntry(licence: string): LicenceEntry {
  return { license: /^[\w.+-]+$/.test(licence) ? { id: licence } : { name: licence } };
}

function dependencies(
  npm: NpmDocument,
  own: string,
  kept: ReadonlySet<string>,
  added: readonly Component[],
): object[] {
  const before = npm.metadata.component['bom-ref'];
  return npm.dependencies
    .filter(({ ref }) => ref === before || kept.has(ref))
    .map(({ ref, dependsOn = [] }) => {
      const inside = dependsOn.filter((one) => kept.has(one));
      return ref === before
        ? { ref: own, dependsOn: [...inside, ...added.map((one) => one['bom-ref'])] }
        : { ref, dependsOn: inside };
    });
}

/** A UUID made from the content: the same package has the same document. */
function serialOf(components: readonly object[]): string {
  const hash = createHash('sha256').update(JSON.stringify(components)).digest('hex');
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 3) | 8).toString(16);
  const parts = [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `${variant}${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ];
  return `urn:uuid:${parts.join('-')}`;
}
