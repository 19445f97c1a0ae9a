import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findNativeFiles } from '../../src/release/native-files.js';
import { notices } from '../../src/release/notices.js';
import { sbom } from '../../src/release/sbom.js';

const ROOT = resolve(import.meta.dirname, '../..');
const PLATFORM = `linux/${process.arch}`;
/** Debian 13 has npm 9 beside its Node 20. */
const npmHasSbom =
  Number.parseInt(execFileSync('npm', ['--version'], { encoding: 'utf8' }), 10) >= 10;
const ELF = Buffer.from('\u007fELF of a test', 'latin1');

interface Part {
  readonly type: string;
  readonly name: string;
  readonly version?: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly object[];
}

let folder: string;
/** What a package has under /usr/lib/faceeval, as small as it can be. */
let program: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-release-'));
  program = join(folder, 'package/usr/lib/faceeval');
  mkdirSync(join(program, 'models/fp32'), { recursive: true });
  for (const path of ['models/manifest.json', 'models/fp32/liveness-128.onnx']) {
    cpSync(join(ROOT, path), join(program, path));
  }
  for (const name of ['zod', 'ulid']) {
    cpSync(
      join(ROOT, 'node_modules', name, 'package.json'),
      join(program, 'node_modules', name, 'package.json'),
    );
  }
  mkdirSync(join(program, 'bin'));
  writeFileSync(
    join(program, 'bin/node'),
    Buffer.concat([ELF, Buffer.from(' node-v20.1.2-headers ')]),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function partsOf(root: string): Promise<Part[]> {
  const made = await sbom({ checkout: ROOT, root, platform: PLATFORM, at: new Date(0) });
  return (made as { components: Part[] }).components;
}

// npm is asked each time, which takes seconds on a busy device.
describe.skipIf(!npmHasSbom)('the bill of materials (needs npm 10)', { timeout: 90_000 }, () => {
  it('names every production module of a checkout, native files and weights, each with its licence', async () => {
    const parts = await partsOf(ROOT);
    const names = parts.map(({ name }) => name);
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    // An alias is listed under the name that it is installed as.
    expect(names).toEqual(expect.arrayContaining(Object.keys(dependencies)));
    expect(names).toEqual(expect.arrayContaining(['ONNX Runtime', 'better-sqlite3 addon']));
    expect(names).not.toContain('vitest');
    expect(parts.filter(({ licenses }) => (licenses ?? []).length === 0)).toEqual([]);
    const manifest = JSON.parse(readFileSync(join(ROOT, 'models/manifest.json'), 'utf8'));
    const files: { path: string; sha256: string }[] = manifest.builds.flatMap(
      (build: { files: object[] }) => build.files,
    );
    for (const file of files.filter(({ path }) => existsSync(join(ROOT, 'models', path)))) {
      expect(parts).toContainEqual(
        expect.objectContaining({
          type: 'machine-learning-model',
          name: file.path,
          hashes: [{ alg: 'SHA-256', content: file.sha256 }],
        }),
      );
    }
  });

  it('names of a package only what is inside, and the same when it is made again', async () => {
    const parts = await partsOf(program);
    expect(await partsOf(program)).toEqual(parts);
    expect(parts.map(({ name, version }) => [name, version])).toEqual([
      ['ulid', expect.any(String)],
      ['zod', expect.any(String)],
      ['Node.js', '20.1.2'],
      ['fp32/liveness-128.onnx', undefined],
    ]);
  });

  it('does not pass over a library whose licence nobody knows', () => {
    const root = join(folder, 'unknown');
    mkdirSync(join(root, 'node_modules/x'), { recursive: true });
    writeFileSync(join(root, 'node_modules/x/mystery.node'), ELF);
    expect(() => findNativeFiles(root, PLATFORM, ['.'])).toThrow(/mystery\.node/);
  });

  it('does not name weights that are not those of the manifest', async () => {
    const root = join(folder, 'changed');
    cpSync(program, root, { recursive: true });
    writeFileSync(join(root, 'models/fp32/liveness-128.onnx'), 'something else');
    await expect(partsOf(root)).rejects.toMatchObject({ code: 'MODEL' });
  });
});

describe.skipIf(!npmHasSbom)('the notices (need npm 10)', { timeout: 90_000 }, () => {
  it('carry the licence texts of modules, Node and weights', () => {
    const text = notices({ checkout: ROOT, root: program, platform: PLATFORM }, 'Node says so');
    expect(text).toContain('# Licences of the weights');
    expect(text).toMatch(/bin\/node \(20\.1\.2\)\n\nNode\.js: MIT\n\nNode says so/);
    expect(text).toMatch(/zod \d[^\n]*: MIT\n\nMIT License\n/);
  });
});

const withoutDpkg = spawnSync('dpkg-deb', ['--version']).error !== undefined;

describe.skipIf(withoutDpkg || !npmHasSbom)(
  'scripts/release assemble (needs dpkg-deb and npm 10)',
  { timeout: 90_000 },
  () => {
    it('puts contents, licences, changes and checksums beside a package', () => {
      const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
      const out = join(folder, 'out');
      mkdirSync(out);
      const root = join(folder, 'package');
      mkdirSync(join(root, 'DEBIAN'));
      const fields = [
        'Package: faceeval',
        `Version: ${version}+deb12`,
        'Maintainer: test <t@example.org>',
      ];
      const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
      writeFileSync(
        join(root, 'DEBIAN/control'),
        [...fields, `Architecture: ${architecture}`, 'Description: test', ''].join('\n'),
      );
      const name = `faceeval_${version}+deb12_${architecture}`;
      execFileSync('dpkg-deb', ['--build', '--root-owner-group', root, join(out, `${name}.deb`)]);
      execFileSync(join(ROOT, 'scripts/release'), ['assemble', out], { stdio: 'pipe' });
      const listed = readFileSync(join(out, 'SHA256SUMS'), 'utf8').match(/\S+$/gm);
      expect(listed).toEqual([
        `CHANGES-${version}.md`,
        `${name}.THIRD-PARTY-NOTICES.txt`,
        `${name}.cdx.json`,
        `${name}.deb`,
      ]);
      execFileSync('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: out });
      const made = JSON.parse(readFileSync(join(out, `${name}.cdx.json`), 'utf8'));
      expect(made).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { version } } });
    });
  },
);
