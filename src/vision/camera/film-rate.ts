import { spawnSync } from 'node:child_process';
import { parseHeader } from './y4m-reader.js';

const PROBE_MS = 10_000;
/** As small as can be: only the heading is of interest. */
const ONE_FRAME = [
  ...['-an', '-sn', '-dn', '-vf', 'fps=source_fps,scale=16:16', '-frames:v', '1'],
  ...['-pix_fmt', 'yuv420p', '-f', 'yuv4mpegpipe', 'pipe:1'],
];

/**
 * Frames a second to play a film with, by ffmpeg's judgement. Asked before it is played, since from
 * 7.1 on ffmpeg's filters do not know it any more behind one that changes times.
 *
 * @returns Undefined when it is no film.
 */
export function filmRate(path: string): number | undefined {
  const input = ['-v', 'error', '-nostdin', '-i', `file:${path}`];
  const { stdout } = spawnSync('ffmpeg', [...input, ...ONE_FRAME], {
    encoding: 'latin1',
    timeout: PROBE_MS,
  });
  const [heading] = (stdout ?? '').split('\n', 1);
  return heading ? parseHeader(heading).fps : undefined;
}
