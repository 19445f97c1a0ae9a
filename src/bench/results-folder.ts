import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { type BenchResult, benchResult } from './result.js';

/**
 * @throws FaceEvalError USAGE when the file is no result of the bench.
 */
export function readResult(path: string): BenchResult {
  try {
    return benchResult.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new FaceEvalError(
      'USAGE',
      `${path} is no result of faceeval-bench: ${messageOf(cause)}`,
      {
        hint: 'make one with `faceeval-bench --json > result.json`',
        cause,
      },
    );
  }
}

/** All results of a folder, by file name. */
export function readResults(folder: string): readonly BenchResult[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => readResult(join(folder, name)));
}
