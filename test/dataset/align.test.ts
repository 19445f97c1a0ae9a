import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import type * as Align from '../../src/dataset/align.js';
import { targetsOf } from '../../src/dataset/align.js';
import { chooseFace } from '../../src/dataset/alignment-worker.js';
import type { Face, Landmarks } from '../../src/domain/records.js';
import { ARCFACE_112, fitSimilarity } from '../../src/faces/alignment.js';
import { decodeImage, encodeJpeg } from '../../src/imaging/codec.js';
import { type Mat, opencv } from '../../src/imaging/opencv.js';
import { type FaceEngine, openFaceEngine } from '../../src/vision/face-engine.js';
import { compiledModule } from '../compiled.js';
import { portraits, treeOf, turn } from './sample-set.js';

const ROOT = join(import.meta.dirname, '../..');
/** Set up as docs/training.md says; without it one test is skipped. */
const PYTHON = join(ROOT, '.venv-training/bin/python');
const TIMEOUT_MS = 120_000;

let parent: string;
let set: string;
let out: string;
let engine: FaceEngine;
let alignSet: typeof Align.alignSet;
let outs = 0;
const config = () => configSchema.parse({ stateDir: join(parent, 'state') });

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'faceeval-align-'));
  set = join(parent, 'set');
  ({ alignSet } = await compiledModule<typeof Align>('dataset/align.js'));
  engine = await openFaceEngine(config());
  const cv = opencv();
  const [ann, bob] = (await portraits(2)) as [Mat, Mat];
  const write = (path: string, bytes: Uint8Array | string) => {
    mkdirSync(join(set, path, '..'), { recursive: true });
    writeFileSync(join(set, path), bytes);
  };
  write('ann/1.jpg', encodeJpeg(ann, 95));
  write('ann/2.jpg', encodeJpeg(turn(ann, 15, 1), 95));
  write('ann/2.png', cv.imencode('.png', turn(ann, -10, 1)));
  write('bob/1.jpg', encodeJpeg(bob, 95));
  // Somebody small beside somebody large.
  const both = new cv.Mat(300, 480, cv.CV_8UC3, [110, 110, 110]);
  bob.copyTo(both.getRegion(new cv.Rect(180, 0, 300, 300)));
  ann.resize(170, 170, 0, 0, cv.INTER_AREA).copyTo(both.getRegion(new cv.Rect(0, 60, 170, 170)));
  write('bob/2.jpg', encodeJpeg(both, 95));
  write('bob/3.jpg', encodeJpeg(new cv.Mat(200, 200, cv.CV_8UC3, [90, 120, 60]), 90));
  write('bob/4.jpg', 'no picture');
}, TIMEOUT_MS);
afterAll(async () => {
  await engine.release();
  rmSync(parent, { recursive: true, force: true });
});
beforeEach(() => {
  out = join(parent, `out${++outs}`);
});

const SETTINGS = { sidePx: 112, template: 'arcface', choose: 'largest', jpegQuality: 95 } as const;

function align(settings: Partial<Align.AlignOptions['settings']> = {}) {
  const all = { ...SETTINGS, ...settings };
  return alignSet({ set, out, settings: all, config: config(), workers: 2 });
}

describe('alignSet', () => {
  it(
    'makes a set of faces whose landmarks lie on the template, at both sizes',
    async () => {
      for (const sidePx of [112, 224]) {
        out = join(parent, `size${sidePx}`);
        const report = await align({ sidePx });
        expect(report).toMatchObject({ images: 7, aligned: 5, chosenOfSeveral: 1, recalled: 0 });
        expect(report.leftOut).toEqual([
          { path: 'bob/3.jpg', reason: 'no-face', detail: 'no face was found' },
          { path: 'bob/4.jpg', reason: 'unreadable', detail: 'no picture of a known format' },
        ]);
        expect(Object.keys(treeOf(out))).toEqual([
          'ann/1.jpg',
          'ann/2-png.jpg',
          'ann/2.jpg',
          'bob/1.jpg',
          'bob/2.jpg',
        ]);
        for (const path of Object.keys(treeOf(out))) {
          const face = decodeImage(readFileSync(join(out, path)));
          expect([face.width, face.height]).toEqual([sidePx, sidePx]);
          const [found] = await engine.detector.detect(face);
          // Found again in the crop, the landmarks need no more turning, scaling or moving.
          const landmarks = (found?.landmarks ?? []).map(({ x, y }) => ({
            x: (x * 112) / sidePx,
            y: (y * 112) / sidePx,
          }));
          const { a, b, tx, ty } = fitSimilarity(landmarks, ARCFACE_112);
          expect(Math.abs(a - 1), path).toBeLessThan(0.12);
          expect(Math.abs(b), path).toBeLessThan(0.1);
          const moved = Math.hypot(a * 56 - b * 72 + tx - 56, b * 56 + a * 72 + ty - 72);
          expect(moved, path).toBeLessThan(4);
        }
      }
    },
    TIMEOUT_MS,
  );

  it(
    "moves the face 8 px to the left for the seed demo's template",
    async () => {
      await align();
      const right = opencv().imread(join(out, 'ann/1.jpg'));
      out = join(parent, 'seed-demo');
      await align({ template: 'seed-demo' });
      const left = opencv().imread(join(out, 'ann/1.jpg'));
      const cv = opencv();
      const part = (mat: Mat, x: number) => mat.getRegion(new cv.Rect(x, 0, 104, 112)).copy();
      const mean = (a: Mat, b: Mat) => a.absdiff(b).cvtColor(cv.COLOR_BGR2GRAY).mean().w;
      expect(mean(part(right, 8), part(left, 0))).toBeLessThan(2);
      expect(mean(part(right, 0), part(left, 0))).toBeGreaterThan(5);
    },
    TIMEOUT_MS,
  );

  it(
    'takes no picture with several faces when only single ones are wanted',
    async () => {
      const report = await align({ choose: 'single' });
      expect(report.leftOut).toContainEqual({
        path: 'bob/2.jpg',
        reason: 'several-faces',
        detail: '2 faces',
      });
      expect(existsSync(join(out, 'bob/2.jpg'))).toBe(false);
    },
    TIMEOUT_MS,
  );

  it(
    'goes on with what is missing, and mixes no two ways in one folder',
    async () => {
      await align();
      const before = treeOf(out);
      rmSync(join(out, 'ann/2.jpg'));
      expect(await align()).toMatchObject({ aligned: 5, recalled: 6 });
      expect(treeOf(out)).toEqual(before);
      await expect(align({ sidePx: 224 })).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining('not made this way'),
      });
      out = join(set, 'inside');
      await expect(align()).rejects.toThrow(/lies in the set/);
    },
    TIMEOUT_MS,
  );

  it(
    'removes the faces whose images are gone, and no other file',
    async () => {
      const all = set;
      set = join(parent, 'changing');
      try {
        cpSync(all, set, { recursive: true, preserveTimestamps: true });
        await align();
        const before = treeOf(out);
        writeFileSync(join(out, 'ann/own.jpg'), 'of the user');
        // ann/2.png takes the name of ann/2.jpg; bob has no image left.
        rmSync(join(set, 'ann/2.jpg'));
        for (const n of [1, 2, 3, 4]) rmSync(join(set, `bob/${n}.jpg`));
        const expected = {
          'ann/1.jpg': before['ann/1.jpg'],
          'ann/2.jpg': before['ann/2-png.jpg'],
          'ann/own.jpg': Buffer.from('of the user').toString('base64'),
        };
        expect(await align()).toMatchObject({ aligned: 2, recalled: 1, removed: 3 });
        expect(treeOf(out)).toEqual(expected);
        expect(readdirSync(out)).toEqual(['ann']);
        // What is put there by hand later is none of the command's.
        mkdirSync(join(out, 'bob'));
        writeFileSync(join(out, 'bob/1.jpg'), 'of the user');
        expect(await align()).toMatchObject({ aligned: 2, recalled: 2, removed: 0 });
        expect(existsSync(join(out, 'bob/1.jpg'))).toBe(true);
        cpSync(join(all, 'ann/2.jpg'), join(set, 'ann/2.jpg'), { preserveTimestamps: true });
        expect(await align()).toMatchObject({ aligned: 3, recalled: 1, removed: 0 });
        expect(treeOf(out)).toMatchObject({
          'ann/2.jpg': before['ann/2.jpg'],
          'ann/2-png.jpg': before['ann/2-png.jpg'],
        });
      } finally {
        set = all;
      }
    },
    TIMEOUT_MS,
  );

  it(
    'looks again at what could not be read',
    async () => {
      await align();
      const journal = `${out}.faceeval/align.jsonl`;
      const lines = readFileSync(journal, 'utf8').split('\n');
      const place = lines.findIndex((line) => line.includes('"path":"ann/1.jpg"'));
      const entry = JSON.parse(lines[place] as string) as object;
      const value = { kind: 'unreadable', reason: 'EACCES', passing: true };
      lines[place] = JSON.stringify({ ...entry, value });
      writeFileSync(journal, lines.join('\n'));
      expect(await align()).toMatchObject({ aligned: 5, recalled: 6 });
    },
    TIMEOUT_MS,
  );

  it.skipIf(!existsSync(PYTHON))(
    'makes what the training reads',
    async () => {
      await align();
      const script =
        'import sys, cv2; from pathlib import Path; ' +
        'from faceeval_training.data.identity_folders import read_faces; ' +
        'faces = read_faces([Path(sys.argv[1])]); ' +
        'print(faces.identities, faces.labels.tolist(), {cv2.imread(str(p)).shape for p in faces.paths})';
      const { stdout, stderr } = spawnSync(PYTHON, ['-c', script, out], {
        encoding: 'utf8',
        env: { ...process.env, PYTHONPATH: join(ROOT, 'training/src') },
      });
      expect(stdout.trim() || stderr).toBe("('ann', 'bob') [0, 0, 0, 1, 1] {(112, 112, 3)}");
    },
    TIMEOUT_MS,
  );
});

describe('chooseFace', () => {
  const face = (x: number, side: number): Face => ({
    box: { x: x - side / 2, y: 100 - side / 2, width: side, height: side },
    score: 1,
    landmarks: ARCFACE_112 as Landmarks,
  });
  const size = { width: 400, height: 200 };

  it('weighs size against distance from the middle', () => {
    const middle = face(200, 50);
    const side = face(350, 70);
    expect(chooseFace([side, middle], size, 'largest')).toBe(side);
    expect(chooseFace([side, middle], size, 'central')).toBe(middle);
    expect(chooseFace([side, middle], size, 'single')).toBeUndefined();
    expect(chooseFace([side], size, 'single')).toBe(side);
    for (const choose of ['largest', 'central', 'single'] as const) {
      expect(chooseFace([], size, choose)).toBeUndefined();
    }
  });
});

describe('targetsOf', () => {
  it('gives every file a name of its own', () => {
    const files = ['1.jpg', '1.png', '1-png.jpg', '2.JPEG'].map((file) => ({
      identity: 'ann',
      file,
      path: `ann/${file}`,
    }));
    const targets = [...targetsOf(files).values()];
    expect(new Set(targets).size).toBe(files.length);
    expect(targets[0]).toBe('ann/1.jpg');
    expect(targets.at(-1)).toBe('ann/2.jpg');
  });
});
