import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.js';
import { configSchema } from '../../src/config/schema.js';
import { kindOf } from '../../src/vision/camera/source-command.js';
import { blocksOf, type Page, pages } from './pages.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-snippets-'));
  mkdirSync(join(folder, 'etc'));
  writeFileSync(join(folder, 'etc/mqtt-password'), 'secret\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Blocks that are configuration of faceeval, and not of Home Assistant or an archive. */
function snippetsOf(page: Page): string[] {
  const keys = Object.keys(configSchema.shape);
  return blocksOf(page, 'yaml').filter((text) => {
    const value: unknown = parse(text);
    return typeof value === 'object' && value !== null && keys.some((key) => key in value);
  });
}

function load(text: string) {
  const path = join(folder, 'faceeval.yaml');
  writeFileSync(path, text.replaceAll('/etc/faceeval/', join(folder, 'etc/')));
  return loadConfig({ path, environment: {} }).config;
}

const snippets = pages().flatMap((page) =>
  snippetsOf(page).map((text, index) => [`${page.path}, snippet ${index + 1}`, text] as const),
);

describe('configuration in the documents', () => {
  it('is found', () => {
    expect(snippets.length).toBeGreaterThan(7);
  });

  it.each(snippets)('%s is accepted', (_where, text) => {
    expect(() => load(text)).not.toThrow();
  });
});

describe('the cameras of docs/getting-started.md', () => {
  it('are one of each kind, and all are asked again when they are lost', () => {
    const page = pages().find(({ path }) => path === 'docs/getting-started.md');
    if (page === undefined) throw new Error('there is no docs/getting-started.md');
    const sources = snippetsOf(page)
      .flatMap((text) => load(text).cameras)
      .map(({ source }) => source);
    expect(sources).toEqual([
      '/dev/video0',
      'csi',
      'csi',
      expect.stringMatching(/^rtsp:/),
      expect.stringMatching(/^http:/),
    ]);
    expect(sources.map(kindOf)).toEqual(sources.map(() => 'live'));
  });
});
