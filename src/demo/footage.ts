import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { FaceEvalError } from '../domain/errors.js';
import { decodeImage, encodeJpeg } from '../imaging/codec.js';
import { opencv } from '../imaging/opencv.js';

/**
 * The demo's material: group photos that the npm package @vladmandic/face-api ships (MIT). Two
 * people of the first photo appear again on later ones; everybody else is a stranger.
 */
const PACKAGE = '@vladmandic/face-api';

/** A person of the first photo: where the enrolment photo is cut, in pixels. */
interface DemoPerson {
  readonly name: string;
  readonly cut: { readonly x: number; readonly y: number; readonly side: number };
}

const ENROLMENT_PHOTO = 'sample1.jpg';

/**
 * The cosine that names somebody in the sample. Nadia's two photos are a hard pair: with every build
 * the mean of her frames is about 0.54, at the threshold of the default false-accept rate, where
 * rounding decides. The stranger most like Freya has 0.42.
 */
export const SAMPLE_THRESHOLD = 0.48;
const PEOPLE: readonly DemoPerson[] = [
  { name: 'Freya', cut: { x: 1290, y: 130, side: 480 } },
  { name: 'Nadia', cut: { x: 700, y: 300, side: 420 } },
];

/** Photos that the camera pans over, and the height at which it does, of a 1280-wide picture. */
const SCENES: readonly { readonly photo: string; readonly topPx: number }[] = [
  { photo: 'sample3.jpg', topPx: 70 },
  { photo: 'sample4.jpg', topPx: 50 },
  { photo: 'sample6.jpg', topPx: 120 },
];

const SCENE_SECONDS = 8;
/** How long the camera rests at both ends of a pan. */
const REST_SECONDS = 1.5;
const FPS = 15;

function photoPath(name: string): string {
  const require = createRequire(import.meta.url);
  const path = join(dirname(require.resolve(`${PACKAGE}/package.json`)), 'demo', name);
  if (!existsSync(path)) {
    throw new FaceEvalError('USAGE', `the sample photo ${name} of ${PACKAGE} is not installed`, {
      hint: 'run scripts/setup',
    });
  }
  return path;
}

/** Cuts the enrolment photos. @returns Folder layout `DIR/Name.jpg`, as the seed's FaceDatabase. */
export async function writeEnrolmentPhotos(dir: string): Promise<string[]> {
  const cv = opencv();
  const photo = decodeImage(await readFile(photoPath(ENROLMENT_PHOTO)));
  const written: string[] = [];
  for (const { name, cut } of PEOPLE) {
    const part = photo.bgr.getRegion(new cv.Rect(cut.x, cut.y, cut.side, cut.side));
    const path = join(dir, `${name}.jpg`);
    await writeFile(path, encodeJpeg(part, 95));
    written.push(path);
  }
  photo.release();
  return written;
}

/**
 * Renders the footage: a 640×480 camera that pans slowly over each photo.
 *
 * @param path Of the MP4 file to write.
 */
export async function renderFootage(path: string): Promise<void> {
  const inputs = SCENES.flatMap(({ photo }) => [
    ...['-loop', '1', '-framerate', String(FPS), '-t', String(SCENE_SECONDS)],
    ...['-i', photoPath(photo)],
  ]);
  const progress = `clip((t-${REST_SECONDS})/${SCENE_SECONDS - 2 * REST_SECONDS},0,1)`;
  const pans = SCENES.map(
    ({ topPx }, index) =>
      `[${index}:v]scale=1280:-2,crop=640:480:'(iw-640)*${progress}':${topPx},` +
      `setsar=1,format=yuv420p[v${index}]`,
  );
  const joined = SCENES.map((_, index) => `[v${index}]`).join('');
  const filter = `${pans.join(';')};${joined}concat=n=${SCENES.length}:v=1[out]`;
  const ffmpeg = spawn(
    'ffmpeg',
    [
      ...['-hide_banner', '-loglevel', 'error', '-y', ...inputs, '-filter_complex', filter],
      ...['-map', '[out]', '-c:v', 'libx264', '-preset', 'veryfast', '-crf', '18', path],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaint = '';
  ffmpeg.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const [code] = (await once(ffmpeg, 'close')) as [number | null];
  if (code !== 0) {
    throw new FaceEvalError('CAMERA', `the sample footage was not rendered: ${complaint.trim()}`, {
      hint: 'check that ffmpeg with libx264 is installed (scripts/setup installs it)',
    });
  }
}
