import { spawnSync } from 'node:child_process';

const PROBE_MS = 10_000;
/** As small as can be: only the heading is of interest. */
const ONE_FRAME = [
  ...['-an', '-sn', '-dn', '-vf', 'fps=source_fps,scale=16:16', '-frames:v', '1'],
  ...['-pix_fmt', 'yuv420p', '-f', 'yuv4mpegpipe', 'pipe:1'],
];
const HEADING = /^YUV4MPEG2[^\n]* F(\d+):(\d+)/;

/**
 * Frames a second that a film has by ffmpeg's judgement. Asked before it is played, since from 7.1 on
 * ffmpeg's filters do not know it any more behind one that changes times.
 *
 * @returns Undefined when it has none, or is no film.
 */
export function filmRate(path: string): number | undefined {
  const input = ['-v', 'error', '-nostdin', '-i', `file:${path}`];
  const { stdout } = spawnSync('ffmpeg', [...input, ...ONE_FRAME], {
    encoding: 'latin1',
    timeout: PROBE_MS,
  });
  const [, frames, seconds] = HEADING.exec(stdout ?? '') ?? [];
  const fps = Number(frames) / Number(seconds);
  return Number.isFinite(fps) && fps > 0 ? fps : undefined;
}
