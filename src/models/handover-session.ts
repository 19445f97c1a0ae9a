import type {
  InferenceSession,
  InputTensor,
  OutputTensor,
  Provider,
  TensorDeclaration,
} from './inference-session.js';

/**
 * Serves with one session until a better one is ready, then with that: CPU or CUDA answers while
 * TensorRT builds its engine. The change happens between two runs.
 */
export class HandoverSession implements InferenceSession {
  #current: InferenceSession;
  #running = false;
  #released = false;
  #next: InferenceSession | undefined;

  constructor(first: InferenceSession) {
    this.#current = first;
  }

  get inputs(): readonly TensorDeclaration[] {
    return this.#current.inputs;
  }

  get outputs(): readonly TensorDeclaration[] {
    return this.#current.outputs;
  }

  get provider(): Provider {
    return this.#current.provider;
  }

  get threads(): number {
    return this.#current.threads;
  }

  /** Takes over `next`; the session before it is released as soon as it does not run. */
  async handOver(next: InferenceSession): Promise<void> {
    if (this.#released) {
      await next.release();
      return;
    }
    this.#next = next;
    if (!this.#running) await this.#change();
  }

  async run(feeds: Readonly<Record<string, InputTensor>>): Promise<Record<string, OutputTensor>> {
    await this.#change();
    this.#running = true;
    try {
      return await this.#current.run(feeds);
    } finally {
      this.#running = false;
    }
  }

  async release(): Promise<void> {
    this.#released = true;
    await this.#change();
    await this.#current.release();
  }

  async #change(): Promise<void> {
    const next = this.#next;
    if (next === undefined) return;
    const before = this.#current;
    this.#next = undefined;
    this.#current = next;
    await before.release();
  }
}
