import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { type PeersResult, peersResult } from './peers-result.js';
import { type BenchResult, benchResult } from './result.js';

/**
 * @throws FaceEvalError USAGE when the file is no result of the bench.
 */
export function readResult(path: string): BenchResult {
  return parsed(path, benchResult, 'make one with `faceeval-bench --json > result.json`');
}

/** Comparisons with others lie beside our own results, told apart by their name. */
const PEERS = 'peers-';

/**
 * All results of a folder, by file name.
 *
 * @throws FaceEvalError USAGE when there is no such folder, or a file is no result of the bench.
 */
export function readResults(folder: string): readonly BenchResult[] {
  return jsonFiles(folder)
    .filter((name) => !name.startsWith(PEERS))
    .map((name) => readResult(join(folder, name)));
}

/**
 * All comparisons with others of a folder, by file name.
 *
 * @throws FaceEvalError USAGE when a file is no result of bench/peers/run.py.
 */
export function readPeersResults(folder: string): readonly PeersResult[] {
  return jsonFiles(folder)
    .filter((name) => name.startsWith(PEERS))
    .map((name) => {
      const path = join(folder, name);
      return parsed(path, peersResult, 'make one with bench/peers/run.py');
    });
}

function jsonFiles(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    throw new FaceEvalError('USAGE', `cannot read the results: ${messageOf(cause)}`, {
      hint: 'give a folder of results, such as bench/results',
      cause,
    });
  }
  return names.filter((name) => name.endsWith('.json')).sort();
}

function parsed<T>(path: string, schema: z.ZodType<T>, hint: string): T {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new FaceEvalError('USAGE', `${path} is no result of the bench: ${messageOf(cause)}`, {
      hint,
      cause,
    });
  }
}
