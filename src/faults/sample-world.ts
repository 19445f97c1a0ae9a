import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { renderFootage, writeEnrolmentPhotos } from '../demo/footage.js';
import { PROGRAM } from './daemon-under-test.js';

/** Footage of people, two of whom the gallery of a state folder knows. */
export interface SampleWorld {
  readonly footage: string;
  readonly photos: readonly string[];
}

/**
 * Renders the demo's footage and enrols its two people.
 *
 * @throws FaceEvalError CAMERA or USAGE when ffmpeg or the sample photos are not installed.
 */
export async function makeSampleWorld(dir: string, stateDir: string): Promise<SampleWorld> {
  const people = join(dir, 'people');
  mkdirSync(people, { recursive: true });
  const footage = join(dir, 'footage.mp4');
  const [photos] = await Promise.all([writeEnrolmentPhotos(people), renderFootage(footage)]);
  execFileSync(process.execPath, [PROGRAM, 'enroll', '--from', people], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, FACEEVAL__STATEDIR: stateDir },
  });
  return { footage, photos };
}
