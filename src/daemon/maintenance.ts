import { setTimeout } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import type { Clock } from '../domain/clock.js';
import { IdentityStore } from '../gallery/identity-store.js';
import type { Outbox } from '../hits/outbox.js';
import { Retention, type Swept, usedBytes } from '../hits/retention.js';
import { Backups } from './backups.js';
import { finishForgetting, forgetPerson } from './forget.js';
import { backUpChanges } from './gallery-backup.js';
import { inTurn } from './store-queue.js';

export interface MaintenanceOptions {
  readonly db: Database;
  readonly outbox: Outbox;
  readonly config: Pick<Config, 'stateDir' | 'retention'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Cosine from which two templates are of one person. */
  readonly threshold: () => number;
  /** Told how many hits were dropped unsent. */
  readonly onDropped: (hits: number) => void;
  /** Told what retention deleted; strangers that are kept in memory have to be read anew. */
  readonly onSwept: (swept: Swept) => void;
  /** Told when a person is gone from the gallery because their time was over. */
  readonly onForgotten: () => void;
}

/** A wall clock that is wrong for a moment must not cost anybody their place in the gallery. */
const EXPIRY_CONFIRMED_MS = 30 * 60_000;
const SWEEP_PAUSE_MS = 1_000;
const MIB = 1_048_576;
/** A whole copy from before a migration is of use only until the new version has proved itself. */
const MIGRATION_BACKUP_MS = 14 * 86_400_000;

/** What has to be done now and then: retention, backups, people whose time is over. */
export class Maintenance {
  /** When each person was first found to be due, on the monotonic clock. */
  readonly #due = new Map<string, number>();
  #running: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  readonly #retention: Retention;

  constructor(private readonly options: MaintenanceOptions) {
    this.#retention = new Retention(options.db);
  }

  /** Call at start and every hour; a failure is logged and tried again the next time. */
  run(): Promise<void> {
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Ends what is under way as soon as it can. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #runAll(): Promise<void> {
    await this.#step('unsent hits could not be bounded', async () => this.#boundOutbox());
    await this.#step('old hits could not be deleted', () => this.#sweep());
    await this.#step('people are not forgotten in every file', () => this.#finishForgetting());
    await this.#step('people could not be forgotten', () => this.#forgetExpired());
    await this.#step('no backup could be made', () => this.#backUp());
  }

  async #step(problem: string, work: () => Promise<void>): Promise<void> {
    try {
      if (!this.#stopping.signal.aborted) await work();
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.options.log.error({ err: error }, problem);
    }
  }

  #boundOutbox(): void {
    const { outbox, config, log, onDropped } = this.options;
    const dropped = outbox.bound(config.retention);
    if (dropped === 0) return;
    onDropped(dropped);
    log.error({ dropped }, 'hits were dropped unsent: the broker was away for too long');
  }

  /** In small steps, so that hits are written in between. */
  async #sweep(): Promise<void> {
    const { config, clock, log, onSwept } = this.options;
    const { signal } = this.#stopping;
    for (;;) {
      const swept = this.#retention.step(config.retention, clock.nowMs());
      if (swept.hits + swept.evidence + swept.strangers === 0) break;
      onSwept(swept);
      await setTimeout(SWEEP_PAUSE_MS, undefined, { signal });
    }
    const usedMiB = Math.round(usedBytes(this.options.db) / MIB);
    if (usedMiB <= config.retention.maxDatabaseMiB) return;
    log.warn(
      { usedMiB, maxDatabaseMiB: config.retention.maxDatabaseMiB },
      'the database is too large, but nothing more may be deleted: people, and hits to be sent',
    );
  }

  async #forgetExpired(): Promise<void> {
    const { db, config, clock, log, threshold, onForgotten } = this.options;
    const expired = new IdentityStore(db).expired(clock.nowMs());
    const ids = new Set(expired.map(({ id }) => id));
    for (const id of this.#due.keys()) if (!ids.has(id)) this.#due.delete(id);
    for (const identity of expired) {
      const sinceMs = this.#due.get(identity.id) ?? clock.monoMs();
      this.#due.set(identity.id, sinceMs);
      if (clock.monoMs() - sinceMs < EXPIRY_CONFIRMED_MS) continue;
      const report = await forgetPerson(identity, {
        ...{ db, stateDir: config.stateDir, threshold: threshold(), onErased: onForgotten },
      });
      const { complete, erased } = report;
      log.info({ identity: identity.id, complete, erased }, 'a person was forgotten: time is over');
    }
  }

  /** What a full disk kept from being done. */
  async #finishForgetting(): Promise<void> {
    const { db, config, log, onForgotten } = this.options;
    const { stateDir } = config;
    const finished = await inTurn(stateDir, () => finishForgetting(db, stateDir));
    if (finished === 0) return;
    onForgotten();
    log.info({ people: finished }, 'what was left of forgotten people was deleted');
  }

  async #backUp(): Promise<void> {
    const { db, config, clock, log } = this.options;
    const backups = new Backups(config.stateDir);
    if (config.retention.backups > 0) {
      const made = await backUpChanges(db, config.stateDir);
      if (made !== undefined) log.info({ sizeBytes: made.sizeBytes }, `backup ${made.name}`);
    }
    backups.rotate(config.retention.backups);
    backups.removeBefore(clock.nowMs() - MIGRATION_BACKUP_MS, 'before-');
  }
}
