import type { InferenceSession as OrtInferenceSession, Tensor } from 'onnxruntime-node';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { GraphCache } from './graph-cache.js';
import type {
  InferenceSession,
  InputTensor,
  OutputTensor,
  Provider,
  TensorDeclaration,
} from './inference-session.js';
import { loadRuntime, type Runtime } from './ort-runtime.js';

/** Never; from the beginning of a run to its end; always. */
export type Spinning = 'never' | 'run' | 'always';

/** How a net is loaded. */
export interface OrtOptions {
  /** Providers in the order in which they are tried; `cpu` last. */
  readonly providers: readonly Provider[];
  /** Threads of one run. */
  readonly threads: number;
  /** When waiting threads spin instead of sleeping: faster, and `always` costs CPU between runs. */
  readonly spinning: Spinning;
  /** Further options of the TensorRT provider, as ONNX Runtime names them. */
  readonly tensorrt?: Readonly<Record<string, string>>;
  /** Where the optimised graph is kept between starts; none when absent. */
  readonly graphCache?: GraphCache;
  /** Told once for each provider that could not be used. */
  readonly onFallback?: (provider: Provider, reason: string) => void;
}

/**
 * Loads an ONNX file, always by path: from memory, the runtime would hold it twice.
 *
 * @throws FaceEvalError MODEL when the file cannot be loaded with any of the providers.
 */
export async function loadOrtSession(
  modelPath: string,
  options: OrtOptions,
): Promise<InferenceSession> {
  const runtime = await loadRuntime();
  let reason = 'no execution provider was asked for';
  for (const [index, provider] of options.providers.entries()) {
    try {
      const session = await createSession(runtime, modelPath, options, index);
      return new OrtSession(runtime, session, { provider, threads: options.threads, modelPath });
    } catch (cause) {
      if (cause instanceof FaceEvalError) throw cause;
      reason = firstLine(messageOf(cause));
      if (index + 1 < options.providers.length) options.onFallback?.(provider, reason);
    }
  }
  throw new FaceEvalError('MODEL', `the model ${modelPath} does not load: ${reason}`, {
    hint: 'run `faceeval doctor`: it checks the file, its checksum and the providers',
  });
}

/** Creates the session with the providers from `first` on; each one serves what the others cannot. */
async function createSession(
  runtime: Runtime,
  modelPath: string,
  options: OrtOptions,
  first: number,
): Promise<OrtInferenceSession> {
  const providers = options.providers.slice(first);
  const common: OrtInferenceSession.SessionOptions = {
    executionProviders: providers.map((name) =>
      name === 'tensorrt' ? { name, deviceId: 0, ...options.tensorrt } : name,
    ),
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // Errors only: what matters is thrown, and the runtime's warnings are about its own business.
    logSeverityLevel: 3,
    extra: {
      session: {
        set_denormal_as_zero: '1',
        intra_op: { allow_spinning: options.spinning === 'never' ? '0' : '1' },
        force_spinning_stop: options.spinning === 'run' ? '1' : '0',
      },
    },
  };
  const create = (path: string, more: OrtInferenceSession.SessionOptions) =>
    runtime.ort.InferenceSession.create(path, { ...common, ...more });
  // A graph optimised for the CPU has kernels in it that the other providers do not know.
  const cache = providers[0] === 'cpu' ? options.graphCache : undefined;
  if (cache === undefined) return create(modelPath, { graphOptimizationLevel: 'all' });
  return cache.load(modelPath, create);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

/** Output buffers are kept for this many shapes of the inputs. */
const MAX_SHAPES = 512;

/**
 * Output shapes are learned from the first run with given input shapes; from then on the runtime
 * writes into buffers that are kept, instead of into fresh ones that it copies and drops.
 */
class OrtSession implements InferenceSession {
  readonly inputs: readonly TensorDeclaration[];
  readonly outputs: readonly TensorDeclaration[];
  readonly provider: Provider;
  readonly threads: number;
  readonly #runtime: Runtime;
  readonly #session: OrtInferenceSession;
  readonly #modelPath: string;
  readonly #fetches = new Map<string, Record<string, Tensor>>();
  readonly #buffers = new Map<string, Float32Array | Uint8Array>();

  constructor(
    runtime: Runtime,
    session: OrtInferenceSession,
    loaded: { readonly provider: Provider; readonly threads: number; readonly modelPath: string },
  ) {
    this.#runtime = runtime;
    this.#session = session;
    this.#modelPath = loaded.modelPath;
    this.provider = loaded.provider;
    this.threads = loaded.threads;
    this.inputs = session.inputMetadata.map((input) => this.#declare(input));
    this.outputs = session.outputMetadata.map((output) => this.#declare(output));
  }

  async run(feeds: Readonly<Record<string, InputTensor>>): Promise<Record<string, OutputTensor>> {
    const tensors: Record<string, Tensor> = {};
    let shapes = '';
    for (const { name } of this.inputs) {
      const feed = feeds[name];
      if (feed === undefined) throw this.#refuse(`the input "${name}" is missing`);
      tensors[name] = this.#wrap(feed);
      shapes += `${feed.dims.join('x')};`;
    }
    try {
      const known = this.#fetches.get(shapes);
      if (known !== undefined) {
        await this.#session.run(tensors, known);
        return known as Record<string, OutputTensor>;
      }
      const fresh = await this.#session.run(tensors);
      this.#learn(shapes, fresh as Record<string, Tensor>);
      return fresh as Record<string, OutputTensor>;
    } catch (cause) {
      throw this.#refuse(firstLine(messageOf(cause)), cause);
    }
  }

  async release(): Promise<void> {
    this.#fetches.clear();
    this.#buffers.clear();
    await this.#session.release();
  }

  #wrap({ data, dims }: InputTensor): Tensor {
    const { Tensor } = this.#runtime.ort;
    return data instanceof Uint8Array
      ? new Tensor('uint8', data, dims)
      : new Tensor('float32', data, dims);
  }

  /** Keeps one buffer an output, as long as its longest shape; shorter shapes use its beginning. */
  #learn(shapes: string, outputs: Record<string, Tensor>): void {
    if (this.#fetches.size >= MAX_SHAPES) this.#fetches.clear();
    const fetches: Record<string, Tensor> = {};
    for (const [name, output] of Object.entries(outputs)) {
      const data = output.data as Float32Array | Uint8Array;
      let buffer = this.#buffers.get(name);
      if (buffer === undefined || buffer.length < data.length) {
        buffer = data;
        this.#buffers.set(name, buffer);
      }
      fetches[name] = this.#wrap({ data: buffer.subarray(0, data.length), dims: output.dims });
    }
    this.#fetches.set(shapes, fetches);
  }

  #declare(value: OrtInferenceSession.ValueMetadata): TensorDeclaration {
    if (!value.isTensor || (value.type !== 'uint8' && value.type !== 'float32')) {
      throw this.#refuse(`"${value.name}" is neither a uint8 nor a float32 tensor`);
    }
    return { name: value.name, type: value.type, shape: value.shape };
  }

  #refuse(reason: string, cause?: unknown): FaceEvalError {
    return new FaceEvalError('MODEL', `the model ${this.#modelPath} cannot run: ${reason}`, {
      hint: 'the file and the manifest that describes it do not fit together: run `faceeval doctor`',
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
