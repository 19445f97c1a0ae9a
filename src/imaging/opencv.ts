import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as OpenCv from 'opencv4nodejs';
import { FaceEvalError } from '../domain/errors.js';

export type Cv = typeof OpenCv;
export type Mat = OpenCv.Mat;

const require = createRequire(import.meta.url);

let loaded: Cv | undefined;

/**
 * The OpenCV addon. Loaded on first use and straight from its binary: the package's own entry
 * prints information lines and drags its build tool in.
 *
 * @throws FaceEvalError VISION when the addon is not built or does not load.
 */
export function opencv(): Cv {
  if (loaded === undefined) {
    try {
      const entry = require.resolve('opencv4nodejs');
      const addon = join(dirname(entry), '../../build/Release/opencv4nodejs.node');
      loaded = require(addon) as Cv;
    } catch (cause) {
      throw new FaceEvalError('VISION', 'the OpenCV addon does not load', {
        hint: 'run scripts/setup: it installs the OpenCV libraries and builds the addon',
        cause,
      });
    }
  }
  return loaded;
}
