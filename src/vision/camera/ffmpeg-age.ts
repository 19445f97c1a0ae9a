import { execFileSync } from 'node:child_process';

/** Earlier ones take no options in scripts, and may squeeze every picture into the first size. */
const OLDEST_NEW = 5;

let known: boolean | undefined;

/** Whether ffmpeg is of version 5 or later; asked once. */
export function isNewFfmpeg(): boolean {
  known ??= ask();
  return known;
}

function ask(): boolean {
  try {
    const said = execFileSync('ffmpeg', ['-version'], { encoding: 'utf8', stdio: 'pipe' });
    return Number(/^ffmpeg version n?(\d+)/.exec(said)?.[1] ?? OLDEST_NEW) >= OLDEST_NEW;
  } catch {
    // It is not installed: the decoder says so when it is started.
    return true;
  }
}
