import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { configSchema } from '../../src/config/schema.js';
import { decodeImage, encodeJpeg } from '../../src/imaging/codec.js';
import { type Mat, opencv } from '../../src/imaging/opencv.js';
import { openFaceEngine } from '../../src/vision/face-engine.js';

const demo = join(
  dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')),
  'demo',
);

/** Side of a picture of one person. */
const SIDE_PX = 300;
/** How much larger than the face the picture is. */
const MARGIN = 1.9;

/** Portraits of so many different people, cut out of the sample photos; one face each. */
export async function portraits(count: number): Promise<Mat[]> {
  const cv = opencv();
  const stateDir = join(tmpdir(), `faceeval-portraits-${process.pid}`);
  const engine = await openFaceEngine(configSchema.parse({ stateDir }));
  const found: Mat[] = [];
  // Nobody is on two of these photos.
  for (const name of ['sample5.jpg', 'sample6.jpg']) {
    const photo = decodeImage(readFileSync(join(demo, name)));
    for (const { box } of await engine.detector.detect(photo)) {
      const side = Math.round(Math.max(box.width, box.height) * MARGIN);
      const x = Math.round(box.x + box.width / 2 - side / 2);
      const y = Math.round(box.y + box.height / 2 - side / 2);
      if (x < 0 || y < 0 || x + side > photo.width || y + side > photo.height) continue;
      const mat = photo.bgr
        .getRegion(new cv.Rect(x, y, side, side))
        .resize(SIDE_PX, SIDE_PX, 0, 0, cv.INTER_AREA);
      const faces = await engine.detector.detect(decodeImage(encodeJpeg(mat, 95)));
      if (faces.length === 1 && found.length < count) found.push(mat);
    }
  }
  await engine.release();
  if (found.length < count) throw new Error(`only ${found.length} portraits were found`);
  return found;
}

/** Other photographs of the same person, as far as they can be made from one. */
export function variants(portrait: Mat): Mat[] {
  return [
    portrait,
    turn(portrait.flip(1), 6, 1.1),
    turn(portrait, 14, 1.2),
    turn(portrait.convertTo(opencv().CV_8U, 0.8, -5), -13, 0.95),
  ];
}

/** Rotated by degrees and scaled about the middle. */
export function turn(portrait: Mat, angleDeg: number, scale: number): Mat {
  const cv = opencv();
  const middle = portrait.cols / 2;
  const cos = scale * Math.cos((angleDeg * Math.PI) / 180);
  const sin = scale * Math.sin((angleDeg * Math.PI) / 180);
  const matrix = new cv.Mat(
    [
      [cos, sin, (1 - cos) * middle - sin * middle],
      [-sin, cos, sin * middle + (1 - cos) * middle],
    ],
    cv.CV_64F,
  );
  const border = new cv.Vec3(90, 110, 120);
  return portrait.warpAffine(
    matrix,
    new cv.Size(portrait.cols, portrait.rows),
    cv.INTER_LINEAR,
    cv.BORDER_CONSTANT,
    border,
  );
}

/** The faults that {@link writeFaultySet} plants, by path, with the reason that is expected. */
export const PLANTED: Readonly<Record<string, string>> = {
  'ann/5.jpg': 'broken',
  'ann/6.jpg': 'broken',
  'ann/7.jpg': 'broken',
  'ann/8.jpg': 'duplicate-of-another-identity',
  'bob/5.jpg': 'wrong-type',
  'bob/6.jpg': 'wrong-type',
  'bob/7.jpg': 'mislabelled',
  'cid/5.jpg': 'duplicate',
  'cid/6.jpg': 'several-faces',
  'cid/7.jpg': 'no-face',
};

/** A set of three people with four good images each, and one fault of every kind. */
export async function writeFaultySet(root: string): Promise<void> {
  const cv = opencv();
  const people = await portraits(3);
  const [ann, bob, cid] = people as [Mat, Mat, Mat];
  const write = (path: string, bytes: Uint8Array | string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  };
  for (const [index, identity] of ['ann', 'bob', 'cid'].entries()) {
    for (const [n, mat] of variants(people[index] as Mat).entries()) {
      write(`${identity}/${n + 1}.jpg`, encodeJpeg(mat, 92));
    }
  }
  const whole = encodeJpeg(turn(ann, 3, 1), 92);
  write('ann/5.jpg', whole.subarray(0, whole.length >> 1));
  write('ann/6.jpg', Buffer.from(whole).fill(0x37, whole.length >> 1, (whole.length >> 1) + 300));
  write('ann/7.jpg', '');
  write('ann/8.jpg', encodeJpeg(bob.resize(280, 280), 60));
  write('bob/5.jpg', cv.imencode('.png', turn(bob, 20, 1)));
  write('bob/6.jpg', 'no picture at all');
  write('bob/7.jpg', encodeJpeg(turn(ann, -20, 1.15), 92));
  write('cid/5.jpg', encodeJpeg(cid.resize(150, 150, 0, 0, cv.INTER_AREA), 70));
  const both = new cv.Mat(SIDE_PX, 2 * SIDE_PX, cv.CV_8UC3);
  turn(cid, -8, 1).copyTo(both.getRegion(new cv.Rect(0, 0, SIDE_PX, SIDE_PX)));
  ann.copyTo(both.getRegion(new cv.Rect(SIDE_PX, 0, SIDE_PX, SIDE_PX)));
  write('cid/6.jpg', encodeJpeg(both, 92));
  write('cid/7.jpg', encodeJpeg(new cv.Mat(200, 200, cv.CV_8UC3, [90, 120, 60]), 92));
}

/** Every file below a folder with its bytes as base64, to compare whole trees. */
export function treeOf(root: string): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(root.length + 1), readFileSync(path).toString('base64')])
      .sort(),
  );
}
