import type { Logger } from 'pino';
import { messageOf } from '../domain/errors.js';

interface Problem {
  message: string;
  saidAtMs: number;
  /** Times that it came and was not said. */
  unsaid: number;
}

const AGAIN_MS = 60_000;

/**
 * Logs what comes again and again, such as a full disk with every face: at once, then once a minute
 * with how often it came, then that it is over. A log that is written for each would fill the disk.
 */
export class ProblemLog {
  readonly #problems = new Map<string, Problem>();

  /** @param monoMs Monotonic clock. */
  constructor(
    private readonly log: Logger,
    private readonly monoMs: () => number = () => performance.now(),
  ) {}

  /**
   * @param what What cannot be done; the same words each time.
   * @returns Whether it was said.
   */
  report(what: string, error: unknown): boolean {
    const nowMs = this.monoMs();
    const message = messageOf(error);
    const known = this.#problems.get(what);
    if (known?.message === message && nowMs - known.saidAtMs < AGAIN_MS) {
      known.unsaid++;
      return false;
    }
    const times = (known?.unsaid ?? 0) + 1;
    this.#problems.set(what, { message, saidAtMs: nowMs, unsaid: 0 });
    this.log.error({ err: error, ...(times > 1 && { times }) }, what);
    return true;
  }

  /** It can be done now: says so when it could not before. */
  solved(what: string): void {
    const known = this.#problems.get(what);
    if (known === undefined) return;
    this.#problems.delete(what);
    this.log.info({ ...(known.unsaid > 0 && { times: known.unsaid }) }, `over: ${what}`);
  }

  /** What cannot be done at present, with the reason. */
  current(): string[] {
    return [...this.#problems].map(([what, { message }]) => `${what}: ${message}`);
  }
}
