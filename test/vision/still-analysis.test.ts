import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { cosine } from '../../src/gallery/cosine.js';
import { type FaceEngine, openFaceEngine } from '../../src/vision/face-engine.js';
import { analyseCrop, analyseImage } from '../../src/vision/still-analysis.js';

const demo = join(
  dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')),
  'demo',
);

let engine: FaceEngine;
beforeAll(async () => {
  const config = configSchema.parse({ stateDir: join(tmpdir(), `faceeval-still-${process.pid}`) });
  engine = await openFaceEngine(config);
});
afterAll(() => engine.release());

describe('analyseCrop', () => {
  it('embeds the crop of a photo as the photo itself was', async () => {
    const photo = await analyseImage(engine, readFileSync(join(demo, 'sample1.jpg')));
    expect(photo.ok && photo.faces).toHaveLength(3);
    for (const face of photo.ok ? photo.faces : []) {
      const again = await analyseCrop(engine, face.crop);
      expect(again).toMatchObject({ ok: true, frame: { width: 112, height: 112 } });
      const [same] = again.ok ? again.faces : [];
      // What JPEG takes, mostly its halved colour: 0.983 to 0.997 over the 19 faces of these photos.
      expect(cosine(same?.template as Float32Array, face.template)).toBeGreaterThan(0.98);
    }
  });

  it('says what is wrong with what is no crop', async () => {
    const photo = readFileSync(join(demo, 'sample1.jpg'));
    expect(await analyseCrop(engine, photo)).toMatchObject({
      ok: false,
      error: expect.stringMatching(/has 112×112 pixels, not \d+×\d+/),
    });
    expect(await analyseCrop(engine, photo.subarray(0, 90))).toMatchObject({ ok: false });
    expect(await analyseImage(engine, new Uint8Array())).toMatchObject({
      ok: false,
      error: 'the file is empty',
      hint: expect.stringMatching(/JPEG/),
    });
  });
});
