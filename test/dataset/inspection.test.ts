import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { DecoderWarnings } from '../../src/dataset/decoder-warnings.js';
import { unpackTemplate } from '../../src/dataset/finding.js';
import { findFaces, inspectWith } from '../../src/dataset/inspection.js';
import { cosine } from '../../src/gallery/cosine.js';
import { encodeJpeg } from '../../src/imaging/codec.js';
import { type Mat, opencv } from '../../src/imaging/opencv.js';
import { Picture } from '../../src/imaging/picture.js';
import { type FaceEngine, openFaceEngine } from '../../src/vision/face-engine.js';
import { portraits } from './sample-set.js';

const TIMEOUT_MS = 120_000;

let folder: string;
let engine: FaceEngine;
let ann: Mat;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-inspect-'));
  engine = await openFaceEngine(configSchema.parse({ stateDir: join(folder, 'state') }));
  [ann] = (await portraits(1)) as [Mat];
}, TIMEOUT_MS);
afterAll(async () => {
  await engine.release();
  rmSync(folder, { recursive: true, force: true });
});

function inspect(files: Record<string, Uint8Array | string>, aligned = false) {
  const paths = Object.entries(files).map(([name, bytes]) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  });
  const warnings = new DecoderWarnings('/dev/null');
  return inspectWith(engine, warnings, { aligned })(paths);
}

describe('inspectWith', () => {
  it(
    'finds the same in every format, in grey, with alpha and with 16 bits',
    async () => {
      const cv = opencv();
      const grey = ann.cvtColor(cv.COLOR_BGR2GRAY);
      const findings = await inspect({
        '1.jpg': encodeJpeg(ann, 95),
        '2.png': cv.imencode('.png', ann.cvtColor(cv.COLOR_BGR2BGRA)),
        '3.png': cv.imencode('.png', ann.convertTo(cv.CV_16U, 257)),
        '4.bmp': cv.imencode('.bmp', ann),
        '5.webp': cv.imencode('.webp', ann),
        '6.jpg': encodeJpeg(grey, 95),
        '7.jpg': Buffer.concat([encodeJpeg(ann, 95), Buffer.alloc(999, 65)]),
      });
      const templates = findings.map((finding) => {
        if (finding.kind !== 'picture') throw new Error(`it is ${JSON.stringify(finding)}`);
        expect(finding).toMatchObject({ width: 300, height: 300, faces: [expect.any(Array)] });
        return unpackTemplate(finding.template ?? '');
      });
      for (const [index, template] of templates.entries()) {
        const least = index === 5 ? 0.6 : 0.9;
        expect(cosine(templates[0] as Float32Array, template), `file ${index}`).toBeGreaterThan(
          least,
        );
      }
    },
    TIMEOUT_MS,
  );

  it(
    'calls odd files what they are, and goes on with the others',
    async () => {
      const cv = opencv();
      symlinkSync('nowhere', join(folder, 'gone'));
      const jpeg = encodeJpeg(ann, 95);
      const findings = await inspect({
        '1.jpg': encodeJpeg(ann.resize(1, 1), 95),
        '2.png': cv.imencode('.png', ann.resize(1, 3_000)),
        '3.jpg': jpeg.subarray(0, 400),
        '4.jpg': '',
        '5.gif': Buffer.from('47494638396101000100800000ffffff0000002c000000000100010000', 'hex'),
        '6.txt': 'words',
        '7.jpg': jpeg,
      });
      expect(findings).toMatchObject([
        { kind: 'picture', faces: [] },
        { kind: 'picture', faces: [] },
        { kind: 'broken', reason: 'the file is cut short' },
        { kind: 'broken', reason: 'the file is empty' },
        { kind: 'foreign', type: 'gif' },
        { kind: 'foreign', type: null },
        { kind: 'picture', faces: [expect.any(Array)], template: expect.any(String) },
      ]);
      const work = inspectWith(engine, new DecoderWarnings('/dev/null'), { aligned: false });
      expect(await work([join(folder, 'gone')])).toEqual([
        { kind: 'broken', reason: 'the file cannot be read (ENOENT)', passing: true },
      ]);
    },
    TIMEOUT_MS,
  );

  it('embeds a set of aligned faces as they are', async () => {
    const face = encodeJpeg(ann.getRegion(new (opencv().Rect)(70, 80, 160, 160)).copy(), 95);
    const [finding] = await inspect({ 'a.jpg': face }, true);
    expect(finding).toMatchObject({ kind: 'picture', faces: [], template: expect.any(String) });
  });
});

describe('findFaces', () => {
  it('looks a second time where nothing was found, and gives places on the picture', async () => {
    let looks = 0;
    const detector = {
      detect: (picture: Picture) => (++looks === 1 ? [] : engine.detector.detect(picture)),
    };
    const blinded = { ...engine, detector } as unknown as FaceEngine;
    const picture = Picture.fromBgr(ann.copy());
    const [first] = await engine.detector.detect(picture);
    const [second] = await findFaces(blinded, picture);
    expect(looks).toBe(2);
    for (const [k, point] of (first?.landmarks ?? []).entries()) {
      const other = second?.landmarks[k];
      expect(Math.hypot(point.x - (other?.x ?? 0), point.y - (other?.y ?? 0))).toBeLessThan(12);
    }
  });
});
