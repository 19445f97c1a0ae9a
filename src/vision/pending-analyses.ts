import type { FaceEvalError } from '../domain/errors.js';
import type { Analysis } from './messages.js';

interface Pending {
  readonly resolve: (analysis: Analysis) => void;
  readonly reject: (error: FaceEvalError) => void;
  readonly late: NodeJS.Timeout;
}

/** Requests for analyses that the vision process has not answered yet. */
export class PendingAnalyses {
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  /**
   * @param send Called with the id of the request.
   * @param lateError What the request fails with after `timeoutMs`.
   */
  request(
    send: (requestId: number) => void,
    timeoutMs: number,
    lateError: FaceEvalError,
  ): Promise<Analysis> {
    const requestId = this.#nextId++;
    return new Promise<Analysis>((resolve, reject) => {
      const late = setTimeout(() => this.#take(requestId)?.reject(lateError), timeoutMs);
      this.#pending.set(requestId, { resolve, reject, late });
      send(requestId);
    });
  }

  /** An answer that comes too late is ignored. */
  answer(requestId: number, analysis: Analysis): void {
    this.#take(requestId)?.resolve(analysis);
  }

  /** Nobody will answer any more. */
  failAll(error: FaceEvalError): void {
    for (const requestId of [...this.#pending.keys()]) this.#take(requestId)?.reject(error);
  }

  #take(requestId: number): Pending | undefined {
    const pending = this.#pending.get(requestId);
    this.#pending.delete(requestId);
    clearTimeout(pending?.late);
    return pending;
  }
}
