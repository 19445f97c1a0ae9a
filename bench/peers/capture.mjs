/**
 * What our capture costs beside OpenCV's VideoCapture in the process itself; one line of JSON:
 *
 *   node bench/peers/capture.mjs child FILE [BUSY_MS]     our capture: ffmpeg as a child process
 *   node bench/peers/capture.mjs opencv FILE [BUSY_MS]    VideoCapture
 *   node bench/peers/capture.mjs child silent             both before an RTSP camera that accepts
 *   node bench/peers/capture.mjs opencv silent            the connection and says nothing
 *
 * BUSY_MS holds the thread for each frame as an inference does. Both ways end at a BGR picture.
 * Compile first (npm run build). CPU time is that of this process and of its children.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { opencv } from '../../dist/imaging/opencv.js';
import { Picture } from '../../dist/imaging/picture.js';
import { Capture } from '../../dist/vision/camera/capture.js';

const [, , way, source, busyMs = '0'] = process.argv;

const cameraOf = (url) => ({
  ...{ id: 'camera', source: url, loop: false, stallMs: 10_000, rtspTransport: 'tcp' },
});

/** Highest resident memory that the kernel saw of a process, bytes; 0 when it is gone. */
function peakRssBytes(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** The capture thread starts the decoder, so the children of every thread are looked at. */
function childPids() {
  return readdirSync('/proc/self/task').flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, 'latin1').split(' ').filter(Boolean),
  );
}

/** CPU time of this process and of the children that have ended, milliseconds. */
function cpuMs() {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const [utime, stime, cutime, cstime] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11);
  // The kernel counts in hundredths of a second here.
  return (Number(utime) + Number(stime) + Number(cutime) + Number(cstime)) * 10;
}

function busy() {
  const endMs = performance.now() + Number(busyMs);
  while (performance.now() < endMs);
}

async function decodeInChild() {
  const capture = new Capture([cameraOf(source)], { fast: true }, () => {});
  capture.start();
  let frames = 0;
  let childPeakBytes = 0;
  for (;;) {
    const frame = await capture.next();
    if (frame === null) break;
    const picture = Picture.fromI420(frame.i420, frame);
    // Made on first use; VideoCapture makes it in any case.
    void picture.bgr;
    busy();
    picture.release();
    frame.release();
    frames++;
    if (frames % 50 === 0) {
      childPeakBytes = Math.max(childPeakBytes, ...childPids().map(peakRssBytes));
    }
    await new Promise(setImmediate);
  }
  await capture.stop();
  return { frames, childPeakBytes };
}

async function decodeInOpenCv() {
  const video = new (opencv().VideoCapture)(source);
  let frames = 0;
  for (;;) {
    const picture = video.read();
    if (picture.empty) break;
    busy();
    picture.release();
    frames++;
    await new Promise(setImmediate);
  }
  video.release();
  return { frames, childPeakBytes: 0 };
}

async function decode() {
  const startMs = performance.now();
  const startCpuMs = cpuMs();
  const { frames, childPeakBytes } = await (way === 'opencv' ? decodeInOpenCv() : decodeInChild());
  const seconds = (performance.now() - startMs) / 1000;
  return {
    ...{ way, busyMs: Number(busyMs), frames, seconds: Number(seconds.toFixed(2)) },
    fps: Math.round(frames / seconds),
    cpuMsPerFrame: Number(((cpuMs() - startCpuMs) / frames).toFixed(2)),
    peakMb: Math.round((peakRssBytes('self') + childPeakBytes) / 1e6),
    peakMbOfChild: Math.round(childPeakBytes / 1e6),
  };
}

/** How long it takes until the trouble is known, and how long the thread did nothing else. */
async function meetSilence() {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `rtsp://127.0.0.1:${server.address().port}/cam`;
  let lastMs = performance.now();
  let blockedMs = 0;
  const tick = () => {
    blockedMs = Math.max(blockedMs, performance.now() - lastMs);
    lastMs = performance.now();
  };
  setInterval(tick, 20);
  const startMs = performance.now();
  let reason;
  if (way === 'opencv') {
    try {
      new (opencv().VideoCapture)(url).read();
    } catch (error) {
      reason = String(error);
    }
  } else {
    let capture;
    reason = await new Promise((resolve) => {
      capture = new Capture([cameraOf(url)], { fast: false }, (status) => {
        if (status.reason !== undefined) resolve(status.reason);
      });
      capture.start();
    });
    await capture.stop();
  }
  const noticedS = Number(((performance.now() - startMs) / 1000).toFixed(1));
  tick();
  return { way, noticedS, blockedMs: Math.round(blockedMs), reason };
}

opencv().setNumThreads(1);
const figures = await (source === 'silent' ? meetSilence() : decode());
process.stdout.write(`${JSON.stringify(figures)}\n`);
process.exit(0);
