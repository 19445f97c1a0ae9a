import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { programVersion } from '../domain/version.js';
import { installedModules, licenceFiles } from './installed-modules.js';
import type { NativeFile } from './native-files.js';
import { folderOf, licenceOf } from './npm-components.js';
import { partsOf, type SbomOptions } from './sbom.js';

const RULE = '='.repeat(80);

/** Licence texts that no package carries. */
const SPOKEN: Readonly<Record<string, string>> = {
  'ONNX Runtime': `Copyright (c) Microsoft Corporation. MIT licence:
https://github.com/microsoft/onnxruntime/blob/main/LICENSE
The notices of what is compiled into it:
https://github.com/microsoft/onnxruntime/blob/main/ThirdPartyNotices.txt`,
  SQLite: `The authors dedicated SQLite to the public domain and bless its users:
https://sqlite.org/copyright.html`,
};

/**
 * The text THIRD-PARTY-NOTICES: everything inside a package that others made, with its licence.
 *
 * @param nodeLicence Text of Node's own licence, where a Node is inside.
 */
export function notices(place: Omit<SbomOptions, 'at'>, nodeLicence: string | undefined): string {
  const { modules, natives } = partsOf(place);
  const installed = installedModules(place.root);
  // A package may leave licence files out to save room: the checkout has them.
  const complete = installedModules(place.checkout);
  const sections = modules.map((one) => {
    const folder = folderOf(one, complete) ?? folderOf(one, installed) ?? '';
    return section(`${one.name} ${one.version}`, licenceOf(one), textOf(folder));
  });
  return `${[
    `faceeval ${programVersion()} is under the MIT licence (LICENSE). A package of it contains the work of`,
    'others: weights, native programs and libraries, npm packages. Their licences follow.',
    '',
    RULE,
    readFileSync(join(place.checkout, 'models/LICENSES.md'), 'utf8').trim(),
    ...natives.map((file) => nativeSection(file, nodeLicence)),
    ...sections,
  ].join('\n')}\n`;
}

function nativeSection(file: NativeFile, nodeLicence: string | undefined): string {
  const parts = [file, ...file.contains].map(({ name, licence }) => {
    const text = name === 'Node.js' ? nodeLicence : SPOKEN[name];
    return [`${name}: ${licence}`, ...(text === undefined ? [] : ['', text.trim()])].join('\n');
  });
  return [
    RULE,
    `${file.path}${file.version === undefined ? '' : ` (${file.version})`}`,
    '',
    ...parts,
  ].join('\n');
}

function section(name: string, licence: string, text: string | undefined): string {
  const said = text ?? 'The package has no licence file; the licence above is what it states.';
  return [RULE, `${name}: ${licence}`, '', said].join('\n');
}

function textOf(folder: string): string | undefined {
  const texts = licenceFiles(folder).map((name) => readFileSync(join(folder, name), 'utf8').trim());
  return texts.length === 0 ? undefined : texts.join('\n\n');
}
