// Writes debian/copyright's machine-readable form for a program's tree: the given header, a
// paragraph for every npm module in the tree, and the text of every licence that is named.
//
//   node packaging/copyright.mjs PROGRAM HEADER
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [program, headerPath] = process.argv.slice(2);
const LICENCE_FILE = /^(licen[cs]e|copying)/i;
const COPYRIGHT_LINE = /^\W*copyright\s+(\(c\)|©|\d{4})/i;
const PLACEHOLDER = /\[yyyy\]|\{yyyy\}|<year>/i;

/** Folders of modules, those inside other modules included. */
function* modulesUnder(folder) {
  const modules = join(folder, 'node_modules');
  if (!existsSync(modules)) return;
  for (const name of readdirSync(modules).sort()) {
    const entry = join(modules, name);
    const found = name.startsWith('@')
      ? readdirSync(entry)
          .sort()
          .map((n) => join(entry, n))
      : [entry];
    for (const module of found) {
      if (existsSync(join(module, 'package.json'))) yield module;
      yield* modulesUnder(module);
    }
  }
}

function licenceFileOf(module) {
  return readdirSync(module).find((name) => LICENCE_FILE.test(name));
}

/** The lines that claim a copyright, else whoever package.json names. */
function holdersOf(module, manifest) {
  const file = licenceFileOf(module);
  const lines = file === undefined ? [] : readFileSync(join(module, file), 'utf8').split('\n');
  const claims = lines
    .filter((line) => COPYRIGHT_LINE.test(line) && !PLACEHOLDER.test(line))
    .map((line) => line.replace(/^\W*copyright\s*(\(c\)|©)?\s*/i, '').trim());
  if (claims.length > 0) return [...new Set(claims)].slice(0, 6);
  const { author } = manifest;
  const name = typeof author === 'object' ? author?.name : author;
  return [name ?? `the authors of the npm package ${manifest.name}`];
}

function paragraphOf(module) {
  const manifest = JSON.parse(readFileSync(join(module, 'package.json'), 'utf8'));
  const declared = manifest.license ?? manifest.licenses?.[0];
  const licence = typeof declared === 'object' ? declared.type : declared;
  if (typeof licence !== 'string') throw new Error(`${module} names no licence`);
  const short = licence.replace(/[()]/g, '').replace(/ OR /g, ' or ').replace(/ AND /g, ' and ');
  const path = module.slice(program.length + 1);
  const file = licenceFileOf(module);
  const text = [
    `Files: usr/lib/faceeval/${path}/*`,
    `Copyright: ${holdersOf(module, manifest).join('\n ')}`,
    `License: ${short}`,
    `Comment: ${manifest.name} ${manifest.version}${
      file === undefined ? '' : `; its text: /usr/lib/faceeval/${path}/${file}`
    }`,
  ].join('\n');
  return { text, names: short.split(/ or | and /) };
}

/** The text of a licence as the module that came with it words it, for those without a file. */
function standAlone(name, modules) {
  const common = { 'Apache-2.0': 'Apache-2.0', 'MPL-2.0': 'MPL-2.0' }[name];
  if (common !== undefined) {
    return ` On Debian systems the full text stands in /usr/share/common-licenses/${common}.`;
  }
  for (const module of modules) {
    const manifest = JSON.parse(readFileSync(join(module, 'package.json'), 'utf8'));
    const file = licenceFileOf(module);
    if (manifest.license !== name || file === undefined) continue;
    const text = readFileSync(join(module, file), 'utf8').trimEnd().split(/\r?\n/);
    const start = text.findIndex((line) => /^(permission|redistribution|this is free)/i.test(line));
    if (start < 0) continue;
    return text
      .slice(start)
      .map((line) => (line.trim() === '' ? ' .' : ` ${line}`))
      .join('\n');
  }
  throw new Error(`no module comes with the text of the licence ${name}`);
}

const modules = [...modulesUnder(program)];
const paragraphs = modules.map(paragraphOf);
const names = [...new Set(['MIT', ...paragraphs.flatMap((paragraph) => paragraph.names)])].sort();
process.stdout.write(
  [
    readFileSync(headerPath, 'utf8').trimEnd(),
    ...paragraphs.map(({ text }) => text),
    ...names.map((name) => `License: ${name}\n${standAlone(name, modules)}`),
  ].join('\n\n'),
);
process.stdout.write('\n');
