import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import type { Face } from '../../src/domain/records.js';
import { alignFace } from '../../src/faces/alignment.js';
import { cosine } from '../../src/gallery/cosine.js';
import { decodeImage } from '../../src/imaging/codec.js';
import { opencv } from '../../src/imaging/opencv.js';
import { Picture } from '../../src/imaging/picture.js';
import { type FaceEngine, openFaceEngine } from '../../src/vision/face-engine.js';

const demo = join(
  dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')),
  'demo',
);
const photo = (name: string): Picture => decodeImage(readFileSync(join(demo, name)));

let engine: FaceEngine;
beforeAll(async () => {
  const config = configSchema.parse({ stateDir: join(tmpdir(), `faceeval-mtcnn-${process.pid}`) });
  engine = await openFaceEngine(config);
});
afterAll(() => engine.release());

/** Faces from left to right. */
async function facesOf(picture: Picture): Promise<Face[]> {
  const faces = await engine.detector.detect(picture);
  return faces.sort((a, b) => a.box.x - b.box.x);
}

describe('Mtcnn on real photos', () => {
  it.each([
    ['sample1.jpg', 3],
    ['sample3.jpg', 3],
    ['sample4.jpg', 4],
    ['sample5.jpg', 5],
    ['sample6.jpg', 4],
  ])('finds the people of %s, and nobody else', async (name, people) => {
    const faces = await facesOf(photo(name));
    expect(faces.length).toBe(people);
    for (const { box, score, landmarks } of faces) {
      expect(score).toBeGreaterThan(0.8);
      expect(box.width).toBeGreaterThan(120);
      expect(box.width).toBeLessThan(300);
      const [left, right, nose, mouthLeft, mouthRight] = landmarks;
      expect(left.x).toBeLessThan(right.x);
      expect(mouthLeft.x).toBeLessThan(mouthRight.x);
      expect(nose.y).toBeGreaterThan(Math.min(left.y, right.y));
      expect(Math.min(mouthLeft.y, mouthRight.y)).toBeGreaterThan(nose.y - box.height * 0.1);
    }
  });

  it('finds the same faces again after a picture of another size', async () => {
    const first = await facesOf(photo('sample3.jpg'));
    await facesOf(photo('sample3.jpg').scaled(0.5));
    expect(await facesOf(photo('sample3.jpg'))).toEqual(first);
  });

  it('finds nothing in an empty or tiny picture', async () => {
    const small = photo('sample3.jpg').scaled(0.01);
    expect(await engine.detector.detect(small)).toEqual([]);
  });
});

describe('a crowd', () => {
  /** The photo again and again, side by side. */
  const mosaic = (part: Picture, across: number, down: number): Picture => {
    const cv = opencv();
    const { width, height } = part.size;
    const whole = new cv.Mat(height * down, width * across, cv.CV_8UC3);
    for (let at = 0; at < across * down; at++) {
      const [x, y] = [(at % across) * width, Math.floor(at / across) * height];
      part.bgr.copyTo(whole.getRegion(new cv.Rect(x, y, width, height)));
    }
    return Picture.fromBgr(whole);
  };

  it('is found whole when maxFaces allows it', async () => {
    const stateDir = join(tmpdir(), `faceeval-mtcnn-${process.pid}`);
    const crowded = await openFaceEngine(
      configSchema.parse({ stateDir, detector: { maxFaces: 256 } }),
    );
    const faces = await crowded.detector.detect(mosaic(photo('sample3.jpg').scaled(0.4), 5, 5));
    expect(faces).toHaveLength(75);
    await crowded.release();
  });

  it('does not hide whoever is near, when there are more faces than wanted', async () => {
    const cv = opencv();
    const crowd = mosaic(photo('sample3.jpg').scaled(0.4), 5, 5);
    const near = photo('sample3.jpg');
    const { width, height } = near.size;
    const corner = new cv.Rect(crowd.width - width, crowd.height - height, width, height);
    near.bgr.copyTo(crowd.bgr.getRegion(corner));
    const faces = await engine.detector.detect(crowd);
    expect(faces).toHaveLength(32);
    expect(faces.filter(({ box }) => box.width > 120)).toHaveLength(3);
  });

  it('does not hide whoever is near behind hundreds of small faces', async () => {
    const cv = opencv();
    const stateDir = join(tmpdir(), `faceeval-mtcnn-${process.pid}`);
    const sharp = await openFaceEngine(
      configSchema.parse({ stateDir, detector: { minFacePx: 20 } }),
    );
    const found: number[] = [];
    for (const name of ['sample1.jpg', 'sample4.jpg', 'sample6.jpg']) {
      const crowd = mosaic(photo('sample5.jpg').scaled(0.15), 10, 10);
      const person = photo(name).scaled(0.5);
      const { width, height } = person.size;
      const corner = new cv.Rect(crowd.width - width, crowd.height - height, width, height);
      person.bgr.copyTo(crowd.bgr.getRegion(corner));
      const faces = await sharp.detector.detect(crowd);
      found.push(faces.filter(({ box }) => box.width > 60).length);
    }
    expect(found).toEqual([3, 4, 4]);
    await sharp.release();
  });
});

describe('templates of real faces', () => {
  it('tell one person on two photos from everybody else', async () => {
    const embed = async (name: string): Promise<Float32Array[]> => {
      const picture = photo(name);
      const aligned = (await facesOf(picture)).map((face) => alignFace(picture, face.landmarks));
      return engine.recogniser.embed(aligned);
    };
    const [, nadia, freya] = await embed('sample1.jpg');
    const [, freyaAgain, stranger] = await embed('sample3.jpg');
    const [nadiaAgain] = await embed('sample4.jpg');
    const like = (a?: Float32Array, b?: Float32Array): number =>
      cosine(a ?? new Float32Array(), b ?? new Float32Array());
    expect(like(freya, freyaAgain)).toBeGreaterThan(0.65);
    expect(like(nadia, nadiaAgain)).toBeGreaterThan(0.5);
    expect(like(freya, stranger)).toBeLessThan(0.5);
    expect(like(freya, nadia)).toBeLessThan(0.3);
  });

  it('do not depend on the batch they are made in', async () => {
    const picture = photo('sample5.jpg');
    const aligned = (await facesOf(picture)).map((face) => alignFace(picture, face.landmarks));
    const together = await engine.recogniser.embed(aligned);
    for (const [index, face] of aligned.entries()) {
      const [alone] = await engine.recogniser.embed([face]);
      expect(cosine(alone as Float32Array, together[index] as Float32Array)).toBeGreaterThan(
        0.9999,
      );
    }
  });
});
