import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** True where a program can be started. */
export function has(program: string): boolean {
  return spawnSync(program, ['-version']).error === undefined;
}

/** Runs ffmpeg and throws what it complains of. */
export function ffmpeg(...args: string[]): void {
  const { status, stderr } = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
}

export interface Clip {
  readonly name: string;
  readonly seconds: number;
  readonly fps: number;
  readonly size?: string;
}

/** A moving test picture as H.264 in MP4. */
export function makeClip(folder: string, { name, seconds, fps, size = '320x240' }: Clip): string {
  const path = join(folder, name);
  const source = `testsrc2=size=${size}:rate=${fps}`;
  const codec = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '10'];
  ffmpeg('-f', 'lavfi', '-i', source, '-t', String(seconds), ...codec, path);
  return path;
}

/** A grey picture. */
export function makeImage(folder: string, name: string, size: string, grey: number): string {
  const path = join(folder, name);
  const hex = grey.toString(16).padStart(2, '0');
  ffmpeg('-f', 'lavfi', '-i', `color=0x${hex}${hex}${hex}:size=${size}`, '-frames:v', '1', path);
  return path;
}
