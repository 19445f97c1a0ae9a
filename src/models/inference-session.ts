/** Execution providers that faceeval knows, best first. */
export type Provider = 'tensorrt' | 'cuda' | 'cpu';

/** What a net is fed: bytes (pictures) or numbers, row-major. Never copied, never changed. */
export interface InputTensor {
  readonly data: Uint8Array | Float32Array;
  readonly dims: readonly number[];
}

/** What a net gives. `data` belongs to the session: the next run may write over it. */
export interface OutputTensor {
  readonly data: Uint8Array | Float32Array;
  readonly dims: readonly number[];
}

/** Name and shape of an input or output as the graph declares it. */
export interface TensorDeclaration {
  readonly name: string;
  readonly type: 'uint8' | 'float32';
  /** A size, or the name of a dimension that is free. */
  readonly shape: readonly (number | string)[];
}

/**
 * One loaded net. The port between the pipeline and the runtime: ONNX Runtime in production,
 * nets of a few lines in tests. Not re-entrant: one run at a time.
 */
export interface InferenceSession {
  readonly inputs: readonly TensorDeclaration[];
  readonly outputs: readonly TensorDeclaration[];
  /** Provider that was asked first and could be used. */
  readonly provider: Provider;
  /** Threads that share a run on the CPU. */
  readonly threads: number;
  /**
   * Runs the net. With ONNX Runtime this blocks the JavaScript thread until it is done.
   *
   * @param feeds A tensor for every input, by name.
   * @returns A tensor for every output, by name; valid until the next run.
   * @throws FaceEvalError MODEL when the runtime refuses the tensors or fails.
   */
  run(feeds: Readonly<Record<string, InputTensor>>): Promise<Record<string, OutputTensor>>;
  /** Frees the net; it cannot be run any more. */
  release(): Promise<void>;
}

/**
 * How many items one run should take. On the CPU what more of them leave between two layers falls
 * out of the cores' caches; a GPU takes as many as there are.
 *
 * @param aThread Items whose layers fit the cache of one core; undefined where no number is best.
 * @param most Items that a run may take.
 */
export function itemsARun(
  { provider, threads }: InferenceSession,
  aThread: number | undefined,
  most: number,
): number {
  if (aThread === undefined || provider !== 'cpu') return most;
  return Math.min(most, aThread * threads);
}
