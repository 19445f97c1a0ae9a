import type { Logger } from 'pino';
import type { ConfigChanges } from '../config/changes.js';
import { systemClock } from '../domain/clock.js';
import type { Outbox } from '../hits/outbox.js';
import { Recognition } from '../hits/recognition.js';
import { thresholdAtFar } from '../models/manifest.js';
import type { ActiveBuild } from '../vision/messages.js';
import { type Configuration, changeModels } from './configuration.js';
import type { Database } from './database.js';
import { storedThreshold } from './stored-threshold.js';

export interface RecognitionHostOptions {
  readonly db: Database;
  readonly outbox: Outbox;
  readonly configuration: Configuration;
  /** In a file that is played fast, time passes as its pictures say. */
  readonly fast: boolean;
  readonly log: Logger;
}

/** The recognition in use: there is none before the vision process says what its templates are. */
export class RecognitionHost {
  #current: Recognition | undefined;
  #unreadable = 0;

  constructor(private readonly options: RecognitionHostOptions) {}

  get current(): Recognition | undefined {
    return this.#current;
  }

  get gallerySize(): number {
    return this.#current?.gallerySize ?? 0;
  }

  /** Cosine from which two templates are of one person. */
  get threshold(): number {
    const { db, configuration } = this.options;
    return this.#current?.gallery.thresholdOf(null) ?? storedThreshold(db, configuration.current);
  }

  /** Takes over what changed in the database. @returns Cameras where presence changed. */
  reloadGallery(): string[] {
    const changed = this.#current?.reloadGallery() ?? [];
    this.#countUnreadable();
    return changed;
  }

  /**
   * Takes over a new configuration. Where it has other models loaded, or none are at present, that
   * waits until the vision process says which: their thresholds are not those of the present ones.
   */
  follow(changes: ConfigChanges, inUse: ActiveBuild | undefined): void {
    if (inUse !== undefined && !changeModels(changes)) this.use(inUse);
  }

  /** What is wrong with what is compared, in words; for the health. */
  problems(): string[] {
    const faces = this.#unreadable;
    if (faces === 0) return [];
    const what = faces === 1 ? '1 face is damaged and' : `${faces} faces are damaged and`;
    return [`${what} left out, all others are compared: restore a backup (faceeval backup list)`];
  }

  /**
   * Takes over a recogniser, or other settings. Tracks under way go on, unless their templates
   * cannot be compared with the new ones.
   */
  use({ id, family }: Pick<ActiveBuild, 'id' | 'family'>): void {
    const { db, outbox, configuration, fast, log } = this.options;
    const config = configuration.current;
    const threshold = thresholdAtFar(id, config);
    if (this.#current?.family === family) {
      this.#current.reconfigure(config, threshold);
      this.#countUnreadable();
      return;
    }
    this.#current = new Recognition({
      ...{ db, outbox, config, family, threshold, fast },
      clock: systemClock,
      onProblem: (error) => log.error({ err: error }, 'look-alikes could not be written down'),
    });
    this.#countUnreadable();
  }

  /** Said when it changes only: the gallery is read anew often. */
  #countUnreadable(): void {
    const faces = this.#current?.unreadable ?? 0;
    if (faces === this.#unreadable) return;
    this.#unreadable = faces;
    for (const problem of this.problems()) this.options.log.error(problem);
  }
}
