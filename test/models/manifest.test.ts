import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  buildsOf,
  loadManifest,
  missingFiles,
  sizeBytesOf,
  verifyBuild,
} from '../../src/models/manifest.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-manifest-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const entry = (over: Record<string, unknown> = {}) => ({
  id: 'tiny-fp32',
  role: 'recogniser',
  family: 'tiny',
  precision: 'fp32',
  files: [{ name: 'net', path: 'tiny.onnx', sha256: sha256('weights'), bytes: 7 }],
  source: 'made by the test',
  licence: 'MIT',
  weights: 'trained',
  input: { sidePx: 112 },
  output: { dimension: 4 },
  ...over,
});
const write = (...builds: unknown[]) =>
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ builds }));

describe('the manifest', () => {
  it('lists builds by role', () => {
    write(entry(), entry({ id: 'mtcnn', role: 'detector', output: {} }));
    const manifest = loadManifest(folder);
    expect(buildsOf(manifest, 'detector').map(({ id }) => id)).toEqual(['mtcnn']);
    expect(buildsOf(manifest, 'liveness')).toEqual([]);
    expect(sizeBytesOf(manifest.builds[0] as never)).toBe(7);
  });

  it.each([
    ['no file', () => undefined, /cannot read .*manifest\.json/],
    ['no JSON', () => writeFileSync(join(folder, 'manifest.json'), '{'), /cannot read/],
    ['a build without id', () => write(entry({ id: undefined })), /builds\.0\.id/],
    ['two builds of one id', () => write(entry(), entry()), /two builds have the id tiny-fp32/],
    [
      'a path that leads out of the folder',
      () => write(entry({ files: [{ ...entry().files[0], path: '../x.onnx' }] })),
      /builds\.0\.files\.0\.path/,
    ],
  ])('is refused with %s', (_, prepare, message) => {
    prepare();
    expect(() => loadManifest(folder)).toThrow(
      expect.objectContaining({ code: 'MODEL', message: expect.stringMatching(message) }),
    );
  });

  it('checks the file of a build', async () => {
    write(entry());
    const manifest = loadManifest(folder);
    const [build] = manifest.builds;
    if (build === undefined) throw new Error('unreachable');
    expect(missingFiles(manifest, build)).toEqual(['tiny.onnx']);
    await expect(verifyBuild(manifest, build)).rejects.toThrow(/is missing/);
    writeFileSync(join(folder, 'tiny.onnx'), 'weights');
    await verifyBuild(manifest, build);
    expect(missingFiles(manifest, build)).toEqual([]);
    writeFileSync(join(folder, 'tiny.onnx'), 'weightz');
    await expect(verifyBuild(manifest, build)).rejects.toThrow(
      /is not the one that tiny-fp32 names/,
    );
  });
});
