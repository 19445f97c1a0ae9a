import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join, relative } from 'node:path';
import { FaceEvalError } from '../domain/errors.js';

/** A program or library that is no JavaScript, and what is known of it. */
export interface NativeFile {
  /** Below the folder that was searched. */
  readonly path: string;
  readonly sha256: string;
  readonly name: string;
  readonly version: string | undefined;
  /** SPDX id. */
  readonly licence: string;
  /** What is compiled in as well. */
  readonly contains: readonly { readonly name: string; readonly licence: string }[];
}

interface Kind extends Pick<NativeFile, 'name' | 'licence' | 'contains'> {
  readonly pattern: RegExp;
  /** npm package whose version it has. */
  readonly package?: string;
}

const KINDS: readonly Kind[] = [
  { pattern: /(^|\/)node$/, name: 'Node.js', licence: 'MIT', contains: [] },
  {
    pattern: /libonnxruntime[^/]*\.so/,
    ...{ name: 'ONNX Runtime', licence: 'MIT', package: 'onnxruntime-node', contains: [] },
  },
  {
    pattern: /onnxruntime_binding\.node$/,
    ...{ name: 'onnxruntime-node addon', licence: 'MIT', package: 'onnxruntime-node' },
    contains: [],
  },
  {
    pattern: /better_sqlite3\.node$/,
    ...{ name: 'better-sqlite3 addon', licence: 'MIT', package: 'better-sqlite3' },
    contains: [{ name: 'SQLite', licence: 'blessing' }],
  },
  {
    // Links against the system's OpenCV, which is a package of its own.
    pattern: /opencv4nodejs\.node$/,
    ...{ name: 'opencv4nodejs addon', licence: 'MIT', package: 'opencv4nodejs', contains: [] },
  },
];

/** Left behind by builds, never part of a package. */
const NOT_SHIPPED = /\/(obj|obj\.target|\.deps)\/|\/test_extension\.node$/;
const NODE_RELEASE = /node-v(\d+\.\d+\.\d+)-headers/;

/**
 * Every native program and library below a folder.
 *
 * @param root Folder of the installed program, or a checkout.
 * @param platform Node's name of platform and processor whose files count: `linux/arm64`.
 * @param folders Folders below it that are searched.
 * @throws FaceEvalError USAGE for a file whose licence nobody wrote down: it must not be shipped.
 */
export function findNativeFiles(
  root: string,
  platform: string,
  folders: readonly string[],
): NativeFile[] {
  return folders
    .flatMap((folder) => filesBelow(join(root, folder)))
    .filter((path) => /\.node$|\.so(\.\d+)*$|\/node$/.test(path) && isElf(path))
    .map((path) => relative(root, path))
    .filter((path) => !NOT_SHIPPED.test(path) && isFor(platform, path))
    .sort()
    .map((path) => describeFile(root, path));
}

function describeFile(root: string, path: string): NativeFile {
  const kind = KINDS.find(({ pattern }) => pattern.test(path));
  if (kind === undefined) {
    throw new FaceEvalError('USAGE', `nobody wrote down the licence of ${path}`, {
      hint: 'add it to src/release/native-files.ts, or leave the file out of the package',
    });
  }
  const bytes = readFileSync(join(root, path));
  return {
    path,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    name: kind.name,
    version:
      kind.package === undefined
        ? NODE_RELEASE.exec(bytes.toString('latin1'))?.[1]
        : packageVersion(root, kind.package),
    licence: kind.licence,
    contains: kind.contains,
  };
}

function packageVersion(root: string, name: string): string | undefined {
  const text = readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version?: string }).version;
}

/** ONNX Runtime brings a folder for each platform. */
function isFor(platform: string, path: string): boolean {
  const named = /\/napi-v\d+\/([a-z0-9]+\/[a-z0-9]+)\//.exec(path)?.[1];
  return named === undefined || named === platform;
}

function isElf(path: string): boolean {
  const start = Buffer.alloc(4);
  const file = openSync(path, 'r');
  try {
    readSync(file, start, 0, 4, 0);
  } finally {
    closeSync(file);
  }
  return start.toString('latin1') === '\u007fELF';
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
