import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FaceEvalError } from '../domain/errors.js';
import type { Size } from '../domain/records.js';
import { decodeImage } from '../imaging/codec.js';
import type { Picture } from '../imaging/picture.js';

/** A frame with faces that a row needs. */
export interface FrameJob {
  readonly faces: number;
  readonly size: Size;
  /** Side of a pasted head; the face in it takes about half. */
  readonly headPx: number;
  /** File that the frame is written to, as PNG. */
  readonly target: string;
  readonly modelsDir: string | null;
}

/**
 * Frames with a known number of faces. They are composed by another process: finding heads in large
 * photos takes memory that must not count as the row's.
 */
export class FrameSource {
  readonly #folder: string;
  readonly #modelsDir: string | null;

  constructor(folder: string, modelsDir: string | null) {
    this.#folder = folder;
    this.#modelsDir = modelsDir;
  }

  /**
   * @throws FaceEvalError USAGE when the sample photos are not installed.
   */
  async frame(faces: number, size: Size, headPx: number): Promise<Picture> {
    const target = join(this.#folder, `frame-${faces}-${size.width}x${size.height}-${headPx}.png`);
    if (!existsSync(target)) {
      await composeInChild({ faces, size, headPx, target, modelsDir: this.#modelsDir });
    }
    return decodeImage(await readFile(target));
  }
}

function composeInChild(job: FrameJob): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./frame-process.js', import.meta.url)), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    let failure: string | undefined;
    child.on('message', (message) => {
      failure = String(message);
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new FaceEvalError('USAGE', failure ?? `no frame was made: ${signal ?? code}`));
    });
    child.send(job);
  });
}
