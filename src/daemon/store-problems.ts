import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { isDamage, isNoSpace } from '../domain/store-error.js';
import { deleteSetting, writeSetting } from '../gallery/settings.js';
import { quickCheck } from './backups.js';
import { ProblemLog } from './problem-log.js';

/** Written and deleted again, to see whether that can be done. */
const PROBE = 'probe';
const PROBE_CHARS = 16_384;

/**
 * What the database cannot do at present. A full disk passes: it is said now and then, and tried
 * again. A damaged file does not: the daemon ends, because its next start puts the file right.
 */
export class StoreProblems {
  readonly #log: ProblemLog;
  /** What had no room. */
  readonly #full = new Set<string>();

  constructor(
    log: Logger,
    private readonly db: () => Database,
  ) {
    this.#log = new ProblemLog(log);
  }

  /**
   * @param what What cannot be done; the same words each time.
   * @throws FaceEvalError STORE, to end the daemon, when the database is damaged.
   */
  report(what: string, error: unknown): void {
    if (isNoSpace(error)) this.#full.add(what);
    const isSaid = this.#log.report(what, error);
    if (!isSaid || !isDamage(error)) return;
    const damage = damageOf(this.db());
    // What the start would not see, it could not put right: ending would only begin a circle.
    if (damage === undefined) return;
    throw new FaceEvalError('STORE', `the database is damaged (${damage}): the daemon ends`, {
      hint: 'its next start sets the file aside and restores the newest backup; systemd starts it',
      cause: error,
    });
  }

  solved(what: string): void {
    this.#full.delete(what);
    this.#log.solved(what);
  }

  /**
   * Does something that comes again: it is a problem when it fails, and solved when it does not.
   *
   * @throws FaceEvalError STORE as {@link report}.
   */
  attempt(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.report(what, error);
      return;
    }
    this.solved(what);
  }

  /** Finds out whether there is room again for what had none: nothing else may ask for hours. */
  retry(what: string): void {
    if (!this.#full.has(what)) return;
    try {
      // More than a hit takes: a little room in a log that is there already is not enough.
      writeSetting(this.db(), PROBE, '0'.repeat(PROBE_CHARS));
      deleteSetting(this.db(), PROBE);
    } catch (error) {
      if (isNoSpace(error)) return;
      this.report(what, error);
      return;
    }
    this.solved(what);
  }

  current(): string[] {
    return this.#log.current();
  }
}

/** As the start looks for it. */
function damageOf(db: Database): string | undefined {
  try {
    return quickCheck(db);
  } catch (error) {
    return isDamage(error) ? messageOf(error) : undefined;
  }
}
