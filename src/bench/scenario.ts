import type { BuildOpener } from '../models/open-build.js';
import type { FrameSource } from './frame-source.js';

/** What scenarios share. */
export interface BenchContext {
  readonly opener: BuildOpener;
  readonly frames: FrameSource;
  /** Folder for files of the row; removed after the bench. */
  readonly folder: string;
}

/** A scenario made ready to be measured. */
export interface OpenScenario {
  /** One run. */
  readonly run: () => Promise<void>;
  /** Rest before each run, milliseconds: frames come as from a camera. None when absent. */
  readonly restMs?: number;
  readonly close?: () => Promise<void>;
  readonly precision: string;
  readonly provider: string;
  readonly threads: number;
  /** Size of the model files, where there is one. */
  readonly sizeBytes: number | null;
  /** Items (faces, frames) of one run; the times are those of the whole run. */
  readonly batch: number;
  /** What the figure means, where the id does not say all. */
  readonly note?: string;
}

/** One row of the table. */
export interface Scenario {
  /** Stable over versions: results are compared by it. */
  readonly id: string;
  /** Name for people. */
  readonly model: string;
  /** Id of the build, or null when none is involved. */
  readonly build: string | null;
  /** Part of `--quick`. */
  readonly quick: boolean;
  /** Key of the seed's published row that this one reproduces. */
  readonly seedKey?: string;
  /**
   * @throws FaceEvalError when the scenario cannot run here; the table then shows why.
   */
  readonly open: (context: BenchContext) => Promise<OpenScenario>;
}
