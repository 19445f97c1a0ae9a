import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Written last, so that a folder without it is half a build. */
const COMPLETE = 'complete';

/**
 * TensorRT engines of one build, kept between starts: the first build takes minutes on a Jetson.
 * TensorRT writes its files in place; a power cut leaves halves, which are thrown away here.
 */
export class EngineCache {
  readonly folder: string;

  /**
   * @param root Folder of all engines.
   * @param key Names model file, runtime, GPU and L4T release: an engine fits only these.
   */
  constructor(root: string, key: string) {
    this.folder = join(root, key);
  }

  /** Whether a whole engine is there. */
  get isComplete(): boolean {
    return existsSync(join(this.folder, COMPLETE)) && this.hasEngines;
  }

  /**
   * Whether TensorRT wrote any engine. A binding that passes no options on to TensorRT (the one
   * from npm) never does, and would build for minutes at every start.
   */
  get hasEngines(): boolean {
    return existsSync(this.folder) && readdirSync(this.folder).some((f) => f.endsWith('.engine'));
  }

  /** Makes the folder ready for a build: empty, unless a whole engine is in it. */
  prepare(): void {
    if (!this.isComplete) rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /** Says that every engine is written. */
  markComplete(): void {
    writeFileSync(join(this.folder, COMPLETE), '', { mode: 0o600 });
  }

  /** Throws the engines away: they did not load. */
  discard(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * Options of the TensorRT provider, as ONNX Runtime names them.
   *
   * @param int8 Use the build's own quantisation.
   * @param batch Input whose first dimension is a batch, and its largest.
   */
  providerOptions(int8: boolean, batch: BatchRange): Record<string, string> {
    const profile = (count: number) => `${batch.input}:${[count, ...batch.shape].join('x')}`;
    return {
      trt_fp16_enable: '1',
      trt_int8_enable: int8 ? '1' : '0',
      trt_engine_cache_enable: '1',
      trt_engine_cache_path: this.folder,
      trt_timing_cache_enable: '1',
      trt_timing_cache_path: this.folder,
      trt_profile_min_shapes: profile(1),
      trt_profile_opt_shapes: profile(1),
      trt_profile_max_shapes: profile(batch.max),
    };
  }
}

/** Sizes that an engine is built for. */
export interface BatchRange {
  readonly input: string;
  /** Shape of one item. */
  readonly shape: readonly number[];
  readonly max: number;
}
