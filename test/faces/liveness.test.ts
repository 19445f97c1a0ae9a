import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { livenessRegion } from '../../src/faces/liveness.js';
import { openFaceEngine } from '../../src/vision/face-engine.js';
import { analyseImage } from '../../src/vision/still-analysis.js';

describe('livenessRegion', () => {
  it('stays inside the picture and around the face, whatever the box', () => {
    const size = fc.record({
      width: fc.integer({ min: 64, max: 1920 }),
      height: fc.integer({ min: 64, max: 1080 }),
    });
    const share = fc.double({ min: 0.05, max: 0.9, noNaN: true });
    fc.assert(
      fc.property(size, share, share, share, (picture, atX, atY, part) => {
        const side = part * Math.min(picture.width, picture.height);
        const box = {
          x: atX * (picture.width - side),
          y: atY * (picture.height - side),
          width: side,
          height: side,
        };
        const { x, y, width, height } = livenessRegion(box, picture, 2.7);
        expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
        expect(x + width).toBeLessThanOrEqual(picture.width);
        expect(y + height).toBeLessThanOrEqual(picture.height);
        expect(x).toBeLessThanOrEqual(box.x + 1);
        expect(x + width).toBeGreaterThanOrEqual(box.x + box.width - 1);
      }),
    );
  });
});

describe('Liveness on a photo', () => {
  it('gives every face a probability when the configuration asks for it', async () => {
    const config = configSchema.parse({
      stateDir: join(tmpdir(), `faceeval-liveness-${process.pid}`),
      liveness: { enabled: true },
    });
    const engine = await openFaceEngine(config);
    const demo = dirname(
      createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json'),
    );
    const analysis = await analyseImage(engine, readFileSync(join(demo, 'demo/sample5.jpg')));
    await engine.release();
    expect(engine.builds.map(({ role }) => role)).toContain('liveness');
    const scores = analysis.ok ? analysis.faces.map(({ liveness }) => liveness ?? -1) : [];
    expect(scores.length).toBe(5);
    for (const score of scores) {
      expect(score).toBeGreaterThanOrEqual(0);
      expect(score).toBeLessThanOrEqual(1);
    }
    expect(new Set(scores).size).toBeGreaterThan(1);
  });
});
