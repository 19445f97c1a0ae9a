import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FaceEvalError } from '../domain/errors.js';
import { decodeImage, encodeJpeg } from '../imaging/codec.js';
import { opencv } from '../imaging/opencv.js';
import type { OpenScenario, Scenario } from './scenario.js';

const run = promisify(execFile);

const SIZE = { width: 1280, height: 720 };
const CLIP_SECONDS = 4;
const CLIP_FPS = 25;

/** Decoding, without which nothing is seen: one JPEG photo, and H.264 frame by frame. */
export function decodeScenarios(): Scenario[] {
  return [
    {
      id: 'decode/jpeg-1280x720',
      model: 'JPEG → BGR',
      build: null,
      quick: true,
      open: openJpeg,
    },
    {
      id: 'decode/h264-1280x720',
      model: 'H.264 → I420',
      build: null,
      quick: false,
      open: openH264,
    },
  ];
}

async function openJpeg(): Promise<OpenScenario> {
  const cv = opencv();
  cv.setNumThreads(1);
  const jpeg = encodeJpeg(await testPicture(), 85);
  return {
    run: async () => {
      decodeImage(jpeg).release();
    },
    precision: '8-bit',
    provider: 'opencv',
    threads: 1,
    sizeBytes: null,
    batch: 1,
    note: `${Math.round(jpeg.byteLength / 1024)} KiB`,
  };
}

const TEST_SOURCE = `testsrc2=size=${SIZE.width}x${SIZE.height}:rate=${CLIP_FPS}`;

async function ffmpeg(args: readonly string[]): Promise<Buffer> {
  try {
    const { stdout } = await run('ffmpeg', ['-v', 'error', '-nostdin', ...args], {
      encoding: 'buffer',
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (cause) {
    throw new FaceEvalError('CAMERA', 'ffmpeg is not installed or cannot make the test picture', {
      hint: 'apt install ffmpeg',
      cause,
    });
  }
}

/** One frame of ffmpeg's test card, which has edges and gradients as a scene has. */
async function testPicture() {
  const cv = opencv();
  const args = ['-f', 'lavfi', '-i', TEST_SOURCE, '-frames:v', '1'];
  const bytes = await ffmpeg([...args, '-f', 'rawvideo', '-pix_fmt', 'bgr24', '-']);
  return new cv.Mat(bytes, SIZE.height, SIZE.width, cv.CV_8UC3);
}

async function openH264(): Promise<OpenScenario> {
  const folder = await mkdtemp(join(tmpdir(), 'faceeval-bench-'));
  const clip = join(folder, 'clip.mp4');
  const encode = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', clip];
  await ffmpeg(['-f', 'lavfi', '-t', String(CLIP_SECONDS), '-i', TEST_SOURCE, ...encode]);
  const decoder = startDecoder(clip);
  return {
    run: decoder.nextFrame,
    close: async () => {
      decoder.stop();
      await rm(folder, { recursive: true, force: true });
    },
    precision: '8-bit',
    provider: 'ffmpeg',
    threads: 1,
    sizeBytes: null,
    batch: 1,
    note: 'software decoder in a process of its own, as cameras are read',
  };
}

/** Plays the clip over and over, as fast as the frames are taken. */
function startDecoder(clip: string): { nextFrame: () => Promise<void>; stop: () => void } {
  const frameBytes = (SIZE.width * SIZE.height * 3) / 2;
  const child = spawn(
    'ffmpeg',
    ['-v', 'error', '-nostdin', '-threads', '1', '-stream_loop', '-1', '-i', clip].concat([
      '-f',
      'rawvideo',
      '-pix_fmt',
      'yuv420p',
      '-',
    ]),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let pending = 0;
  const nextFrame = async (): Promise<void> => {
    while (pending < frameBytes) {
      const chunk = child.stdout.read() as Buffer | null;
      if (chunk === null) await once(child.stdout, 'readable');
      else pending += chunk.byteLength;
    }
    pending -= frameBytes;
  };
  return { nextFrame, stop: () => child.kill('SIGKILL') };
}
