import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { isDamage } from '../domain/store-error.js';
import { quickCheck } from './backups.js';
import { ProblemLog } from './problem-log.js';

/**
 * What the database cannot do at present. A full disk passes: it is said now and then, and tried
 * again. A damaged file does not: the daemon ends, because its next start puts the file right.
 */
export class StoreProblems {
  readonly #log: ProblemLog;

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
    this.#log.solved(what);
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
