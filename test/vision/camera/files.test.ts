import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type * as CaptureModule from '../../../src/vision/camera/capture.js';
import { compiledModule } from '../../compiled.js';
import { ffmpeg, has, makeClip, makeImage } from './clips.js';
import { camera, Watch } from './watch.js';

const FFMPEG = has('ffmpeg');

describe.skipIf(!FFMPEG)('files and folders (needs ffmpeg)', () => {
  let Capture: typeof CaptureModule.Capture;
  let folder: string;
  let clip: string;
  let running: Watch | undefined;

  beforeAll(async () => {
    ({ Capture } = await compiledModule<typeof CaptureModule>('vision/camera/capture.js'));
    folder = mkdtempSync(join(tmpdir(), 'faceeval-files-'));
    clip = makeClip(folder, { name: 'clip.mp4', seconds: 4, fps: 25 });
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const watch = (
    ...args: ConstructorParameters<typeof Watch> extends [unknown, ...infer R] ? R : never
  ) => {
    running = new Watch(Capture, ...args);
    return running;
  };

  it('gives every frame of a file in order, though the pipeline is slower than the decoder', async () => {
    const w = watch([camera(clip)], { fast: true, busyMs: 5 });
    await w.done;
    expect(w.frames.map(({ frameId }) => frameId)).toEqual(
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
    expect(w.frames.map(({ mediaMs }) => mediaMs)).toEqual(
      Array.from({ length: 100 }, (_, i) => i * 40),
    );
    expect(w.states).toEqual(['connecting', 'online', 'ended']);
    expect(w.capture.stats('cam')).toEqual({ frames: 100, dropped: 0, reconnects: 0 });
  });

  it('plays a file in real time and drops what a busy pipeline cannot take', async () => {
    const startMs = performance.now();
    const w = watch([camera(clip)], { busyMs: 150 });
    await w.done;
    expect(performance.now() - startMs).toBeGreaterThan(3_500);
    const ids = w.frames.map(({ frameId }) => frameId);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(ids.length).toBeLessThan(40);
    // The thread was blocked for 150 ms before each frame, and yet the frame is a fresh one.
    const ages = w.frames.map(({ ageMs }) => ageMs).sort((a, b) => a - b);
    expect(ages[Math.floor(ages.length / 2)]).toBeLessThan(60);
    const { frames, dropped } = w.capture.stats('cam');
    expect(frames + dropped).toBe(100);
  });

  it('begins a file anew where it loops', async () => {
    const short = makeClip(folder, { name: 'short.mp4', seconds: 1, fps: 10 });
    const w = watch([camera(short, { loop: true })], { fast: true });
    await w.until('the file went round', () => w.frames.length > 35);
    expect(w.states).toEqual(['connecting', 'online']);
  });

  it('fits a picture into the asked size without distorting it, at the asked rate', async () => {
    const w = watch([camera(clip, { width: 200, height: 200, fps: 5 })], { fast: true });
    await w.done;
    expect(w.frames[0]).toMatchObject({ width: 200, height: 150 });
    expect(w.frames.length).toBeGreaterThanOrEqual(19);
    expect(w.frames.length).toBeLessThanOrEqual(21);
    expect(w.frames[1]?.mediaMs).toBe(200);
  });

  it('plays a recording that claims 1000 frames a second in its own time', async () => {
    const uneven = join(folder, 'browser.mkv');
    const times = "select='eq(n,0)+gte(t-prev_selected_t,0.030+0.012*random(1))'";
    const source = ['-f', 'lavfi', '-i', 'testsrc2=size=160x120:rate=1000', '-t', '3'];
    ffmpeg(...source, '-vf', times, '-vsync', 'vfr', '-c:v', 'mjpeg', uneven);
    const w = watch([camera(uneven)], { fast: true });
    await w.done;
    expect(w.frames.at(-1)?.mediaMs).toBeGreaterThan(2_800);
    expect(w.frames.at(-1)?.mediaMs).toBeLessThan(3_200);
    expect(w.frames.length).toBeGreaterThan(60);
  });

  it('does not fill the hours between two recordings of one file with frames', async () => {
    const gap = join(folder, 'gap.mkv');
    const later = "setpts='PTS+if(gte(N,10),7200/TB,0)'";
    const source = ['-f', 'lavfi', '-i', 'testsrc2=size=160x120:rate=10:duration=2'];
    ffmpeg(...source, '-vf', later, '-vsync', 'passthrough', '-c:v', 'mjpeg', gap);
    for (const options of [{}, { fps: 5 }]) {
      const w = watch([camera(gap, options)], { fast: true });
      await w.done;
      expect(w.frames.at(-1)?.mediaMs).toBeGreaterThan(11_000);
      expect(w.frames.at(-1)?.mediaMs).toBeLessThan(13_000);
    }
  });

  it('takes turns between cameras', async () => {
    const ids = ['a', 'b', 'c'];
    let begin: (value?: unknown) => void = () => {};
    const ready = new Promise((resolve) => {
      begin = resolve;
    });
    const cameras = ids.map((id) => camera(clip, { id }));
    const w = watch(cameras, { fast: true, busyMs: 4, ready });
    await w.until('all are online', () => w.states.filter((s) => s === 'online').length === 3);
    // Each decoder fills its three buffers meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 500));
    begin();
    await w.done;
    const order = w.frames.map(({ cameraId }) => cameraId);
    expect(order.slice(0, 9)).toEqual([...ids, ...ids, ...ids]);
    for (const id of ids) expect(order.filter((other) => other === id)).toHaveLength(100);
  });

  it('says what is wrong with a file, and does not try for ever', async () => {
    const noVideo = join(folder, 'no-video.mp4');
    writeFileSync(noVideo, 'this is no film\n'.repeat(500));
    const cut = join(folder, 'cut.mp4');
    writeFileSync(cut, readFileSync(clip).subarray(0, 2_000));
    const empty = join(folder, 'empty.mp4');
    writeFileSync(empty, '');
    const cases = [
      [join(folder, 'gone.mp4'), /there is no file .*gone\.mp4.*check source/],
      [noVideo, /damaged/],
      [cut, /damaged/],
      [empty, /damaged/],
    ] as const;
    for (const [path, reason] of cases) {
      const w = watch([camera(path)]);
      await w.done;
      expect(w.states).toEqual(['connecting', 'lost']);
      expect(w.lastReason).toMatch(reason);
      await w.stop();
    }
  });

  it('pauses and goes on', async () => {
    const w = watch([camera(clip, { loop: true })]);
    await w.until('frames come', () => w.frames.length > 10);
    w.capture.pause('cam', true);
    await w.until('it is paused', () => w.states.at(-1) === 'paused');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = w.frames.length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(w.frames.length).toBe(before);
    w.capture.pause(null, false);
    await w.until('frames come again', () => w.frames.length > before + 5);
    expect(w.states).toEqual(['connecting', 'online', 'paused', 'connecting', 'online']);
  });

  describe('a folder of images', () => {
    const album = (name: string): string => {
      const path = join(folder, name);
      mkdirSync(path);
      return path;
    };

    it('gives one frame an image in natural order, whatever their sizes, and skips broken ones', async () => {
      const path = album('album');
      makeImage(path, '1.jpg', '64x48', 40);
      makeImage(path, '2.png', '101x75', 80);
      const whole = readFileSync(makeImage(path, '3.jpg', '1280x960', 120));
      writeFileSync(join(path, '4.jpg'), whole.subarray(0, whole.length / 2));
      writeFileSync(join(path, '5.png'), 'no image');
      makeImage(path, '10.jpg', '64x48', 160);
      makeImage(path, '11 a & "b".JPG', '320x240', 200);
      writeFileSync(join(path, 'notes.txt'), 'no image either');
      const w = watch([camera(path)], { fast: true, busyMs: 30 });
      await w.done;
      expect(w.frames.map(({ width, height }) => `${width}x${height}`)).toEqual([
        '64x48',
        '100x74',
        '1280x960',
        '64x48',
        '320x240',
      ]);
      const grey = [40, 80, 120, 160, 200];
      for (const [index, frame] of w.frames.entries()) {
        // Video range: 16 is black, 235 is white.
        expect(frame.luma).toBeCloseTo(16 + ((grey[index] as number) * 219) / 255, -0.5);
      }
      expect(w.states).toEqual(['connecting', 'online', 'ended']);
      expect(w.lastReason).toMatch(/2 images could not be read.*4\.jpg, 5\.png/);
    });

    it('shows each image for its time when not fast', async () => {
      const path = album('slides');
      for (const n of [1, 2, 3]) makeImage(path, `${n}.jpg`, '64x48', n * 60);
      const w = watch([camera(path, { fps: 2 })]);
      await w.done;
      expect(w.frames).toHaveLength(3);
      const times = w.frames.map(({ atMs }) => atMs);
      expect((times[2] as number) - (times[0] as number)).toBeGreaterThan(800);
    });

    it('is lost when nothing in it can be read, even where it loops', async () => {
      const path = album('broken');
      writeFileSync(join(path, 'a.jpg'), 'no image');
      const empty = album('empty');
      for (const [source, reason] of [
        [path, /1 images could not be read/],
        [empty, /there is no image in/],
      ] as const) {
        const w = watch([camera(source, { loop: true })], { fast: true });
        await w.done;
        expect(w.states.at(-1)).toBe('lost');
        expect(w.lastReason).toMatch(reason);
        await w.stop();
      }
    });

    it('does not read ahead of a slow pipeline', async () => {
      const path = album('many');
      const first = makeImage(path, '0.jpg', '64x48', 50);
      for (let n = 1; n < 12; n++) copyFileSync(first, join(path, `${n}.jpg`));
      const w = watch([camera(path)], { fast: true, busyMs: 100 });
      await w.done;
      expect(w.frames).toHaveLength(12);
      expect(w.capture.stats('cam').dropped).toBe(0);
    });
  });
});
