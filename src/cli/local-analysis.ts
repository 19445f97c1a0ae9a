import { readFile } from 'node:fs/promises';
import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { requireOwner } from '../daemon/state-owner.js';
import { type FaceEngine, openFaceEngine } from '../vision/face-engine.js';
import type { Analysis } from '../vision/messages.js';
import { analyseImage } from '../vision/still-analysis.js';
import { note } from './output.js';
import { whyUnreadable } from './photo-files.js';

/** Models loaded inside a command, for work on files. The daemon may run beside it. */
export interface LocalAnalysis {
  readonly config: Config;
  readonly engine: FaceEngine;
  /** Reads and analyses a file; a file that cannot be read is an answer, not an error. */
  analyse(path: string): Promise<Analysis>;
  release(): Promise<void>;
}

/**
 * @param configPath `--config` of the command line.
 * @param adjust Changes the configuration for this command.
 * @throws FaceEvalError CONFIG or MODEL, STORE when root asks with the gallery of another user.
 */
export async function openLocalAnalysis(
  configPath: string | undefined,
  adjust: (config: Config) => Config = (config) => config,
): Promise<LocalAnalysis> {
  const config = adjust(loadConfig({ path: configPath }).config);
  // What is remembered of models lies there as well.
  requireOwner(config.stateDir);
  const engine = await openFaceEngine(config, { onFallback: note });
  return {
    config,
    engine,
    analyse: async (path) => {
      let bytes: Uint8Array;
      try {
        bytes = await readFile(path);
      } catch (error) {
        return { ok: false, error: whyUnreadable(error) };
      }
      return analyseImage(engine, bytes);
    },
    release: () => engine.release(),
  };
}
