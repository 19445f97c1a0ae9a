import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { FaceEvalError } from '../domain/errors.js';
import { type InstalledModule, installedModules, licenceFiles } from './installed-modules.js';

const COPYRIGHT_LINE = /^\W*copyright\s+(\(c\)|©|\d{4})/i;
const PLACEHOLDER = /\[yyyy\]|\{yyyy\}|<year>/i;
/** Holders of one module that are named; the others stand in its licence file. */
const HOLDERS = 6;
/** Where a Debian package puts the program. */
const PROGRAM = 'usr/lib/faceeval';
/** Licences whose text every Debian system has. */
const COMMON = new Set(['Apache-2.0', 'MPL-2.0']);
/** Where the text of a licence begins, after its heading and the holders. */
const TEXT_START = /^(permission|redistribution|this is free)/i;

/**
 * Debian's machine-readable copyright file: the given header, a paragraph for every npm module,
 * and the text of every licence that is named.
 *
 * @param root Folder of the program as the package has it.
 * @param header The paragraphs about everything that is no npm module.
 * @throws FaceEvalError USAGE when a module states no licence, or nobody brings a licence's text.
 */
export function debianCopyright(root: string, header: string): string {
  const modules = installedModules(root);
  const licences = modules.map(debianLicence);
  const names = new Set(['MIT', ...licences.flatMap((licence) => licence.split(/ or | and /))]);
  return `${[
    header.trimEnd(),
    ...modules.map((module, index) => paragraph(root, module, licences[index] ?? '')),
    ...[...names].sort().map((name) => `License: ${name}\n${standAlone(name, modules)}`),
  ].join('\n\n')}\n`;
}

/** An SPDX expression in Debian's words. */
function debianLicence({ folder, license }: InstalledModule): string {
  if (license === undefined) {
    throw new FaceEvalError('USAGE', `${folder} states no licence`, {
      hint: 'a module that nobody may pass on cannot be in a package: use another',
    });
  }
  return license.replace(/[()]/g, '').replace(/ OR /g, ' or ').replace(/ AND /g, ' and ');
}

function paragraph(root: string, module: InstalledModule, licence: string): string {
  const path = `${PROGRAM}/${relative(root, module.folder)}`;
  const [file] = licenceFiles(module.folder);
  const text = file === undefined ? '' : `; its text: /${path}/${file}`;
  return [
    `Files: ${path}/*`,
    `Copyright: ${holdersOf(module).join('\n ')}`,
    `License: ${licence}`,
    `Comment: ${module.name} ${module.version}${text}`,
  ].join('\n');
}

/** The lines that claim a copyright, else whoever package.json names. */
function holdersOf({ folder, author, name }: InstalledModule): string[] {
  const [file] = licenceFiles(folder);
  const lines = file === undefined ? [] : readFileSync(join(folder, file), 'utf8').split('\n');
  const claims = lines
    .filter((line) => COPYRIGHT_LINE.test(line) && !PLACEHOLDER.test(line))
    .map((line) => line.replace(/^\W*copyright\s*(\(c\)|©)?\s*/i, '').trim());
  if (claims.length > 0) return [...new Set(claims)].slice(0, HOLDERS);
  return [author ?? `the authors of the npm package ${name}`];
}

/** The text of a licence as a module words it, for those that come without a file. */
function standAlone(name: string, modules: readonly InstalledModule[]): string {
  if (COMMON.has(name)) {
    return ` On Debian systems the full text stands in /usr/share/common-licenses/${name}.`;
  }
  for (const { folder, license } of modules) {
    const [file] = licenceFiles(folder);
    if (license !== name || file === undefined) continue;
    const text = readFileSync(join(folder, file), 'utf8').trimEnd().split(/\r?\n/);
    const start = text.findIndex((line) => TEXT_START.test(line));
    if (start < 0) continue;
    return text
      .slice(start)
      .map((line) => (line.trim() === '' ? ' .' : ` ${line}`))
      .join('\n');
  }
  throw new FaceEvalError('USAGE', `no module comes with the text of the licence ${name}`, {
    hint: 'add it to those of src/release/copyright.ts that every Debian system has, if it has',
  });
}
