import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = join(import.meta.dirname, '../src');

/** Folders that each folder may import; its own files always. `cli` and `demo` stand at the end. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  config: ['domain'],
  imaging: ['domain'],
  tracking: ['domain', 'config'],
  models: ['domain', 'config'],
  faces: ['domain', 'config', 'imaging', 'models'],
  control: ['domain', 'config'],
  gallery: ['domain', 'config', 'vision'],
  hits: ['domain', 'config', 'gallery'],
  vision: ['domain', 'config', 'imaging', 'models', 'faces', 'tracking'],
  mqtt: ['domain', 'config', 'control', 'hits', 'gallery', 'vision'],
  daemon: ['domain', 'config', 'control', 'models', 'gallery', 'hits', 'mqtt', 'vision'],
  evaluate: ['domain', 'imaging', 'faces', 'models'],
  dataset: ['domain', 'config', 'imaging', 'models', 'faces', 'vision', 'gallery'],
};

/** Native or heavy modules, and where alone they may be loaded. */
const HOMES: Readonly<Record<string, RegExp>> = {
  'onnxruntime-node': /^models\/(ort-|tensorrt|engine-)/,
  opencv4nodejs: /^imaging\/opencv\.ts$/,
  'better-sqlite3': /^(gallery|hits|daemon|faults)\//,
  mqtt: /^(mqtt|demo|doctor|faults)\//,
};

/** Files of vision/ that the daemon's process may load: they hold no native code. */
const HARMLESS_VISION =
  /^vision\/(supervisor|messages|observation-check|pending-analyses|restart-policy)\.ts$/;

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

function importsOf(path: string): Import[] {
  const file = relative(SRC, path);
  const text = readFileSync(path, 'utf8');
  const pattern = /^(?:import|export)\s+(type\s)?[^;]*?from\s+'([^']+)'|import\('([^']+)'\)/gm;
  return [...text.matchAll(pattern)].map((match) => {
    const target = match[2] ?? match[3] ?? '';
    const local = target.startsWith('.');
    return {
      file,
      typeOnly: match[1] !== undefined,
      target: local
        ? relative(SRC, resolve(dirname(path), target)).replace(/\.js$/, '.ts')
        : target,
    };
  });
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(SRC, name));
const imports = files.flatMap(importsOf);
const folderOf = (path: string): string => path.split('/')[0] ?? '';

describe('the folders of src', () => {
  it('are read whole: every file and its imports', () => {
    expect(files.length).toBeGreaterThan(80);
    expect(imports).toContainEqual({
      file: 'faces/mtcnn.ts',
      target: 'faces/boxes.ts',
      typeOnly: false,
    });
  });

  it('import one way only', () => {
    const wrong = imports.filter(({ file, target }) => {
      const from = folderOf(file);
      const allowed = MAY_IMPORT[from];
      if (allowed === undefined || !target.includes('/') || !target.endsWith('.ts')) return false;
      return folderOf(target) !== from && !allowed.includes(folderOf(target));
    });
    expect(wrong).toEqual([]);
  });

  it('load native modules in their one home', () => {
    const wrong = imports.filter(({ file, target, typeOnly }) => {
      const home = HOMES[target];
      return home !== undefined && !typeOnly && !home.test(file);
    });
    expect(wrong).toEqual([]);
  });

  it('keep OpenCV and ONNX Runtime out of the daemon process', () => {
    const wrong = imports.filter(({ file, target, typeOnly }) => {
      const inDaemon = ['daemon', 'control', 'mqtt', 'hits', 'gallery'].includes(folderOf(file));
      return (
        inDaemon &&
        !typeOnly &&
        /^(vision|faces|imaging)\//.test(target) &&
        !HARMLESS_VISION.test(target)
      );
    });
    expect(wrong).toEqual([]);
  });

  it('hold files of a size that can be read at once', () => {
    const long = files
      .map((path) => [relative(SRC, path), readFileSync(path, 'utf8').split('\n').length] as const)
      .filter(([, lines]) => lines > 400);
    expect(long).toEqual([]);
  });
});
