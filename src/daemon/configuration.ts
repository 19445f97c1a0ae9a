import type { Logger } from 'pino';
import { type ConfigChanges, configChanges, withFixedOf } from '../config/changes.js';
import type { Config } from '../config/schema.js';
import { FaceEvalError } from '../domain/errors.js';
import type { VisionConfig } from '../vision/messages.js';

/** The configuration in force, and how to read it anew. */
export class Configuration {
  #config: Config;

  /**
   * @param read Reads the file and the environment again; absent when there is nothing to read.
   */
  constructor(
    config: Config,
    private readonly log: Logger,
    private readonly read?: () => Config,
  ) {
    this.#config = config;
  }

  get current(): Config {
    return this.#config;
  }

  /** What the vision process needs of it. */
  get vision(): VisionConfig {
    return { ...this.#config, snapshots: this.#config.mqtt.snapshots };
  }

  get stateDir(): Config['stateDir'] {
    return this.#config.stateDir;
  }

  get retention(): Config['retention'] {
    return this.#config.retention;
  }

  /**
   * Takes over what may change while the daemon runs, and says by name what may not.
   *
   * @throws FaceEvalError CONFIG when the new one is wrong: the old one stays in force.
   */
  reload(): ConfigChanges {
    if (this.read === undefined) return { live: [], vision: [], restart: [] };
    const wanted = this.#readChecked(this.read);
    const changes = configChanges(this.#config, wanted);
    this.#config = withFixedOf(this.#config, wanted);
    const { live, vision, restart } = changes;
    this.log.level = this.#config.log.level;
    if (live.length > 0) this.log.info({ keys: live }, 'changed by the new configuration');
    if (vision.length > 0) {
      this.log.info({ keys: vision }, 'changed: the vision process is started again for it');
    }
    if (restart.length > 0) {
      const keys = restart.join(', ');
      this.log.warn({ keys: restart }, `not changed before the daemon is started again: ${keys}`);
    }
    return changes;
  }

  #readChecked(read: () => Config): Config {
    let wanted: Config;
    try {
      wanted = read();
      if (wanted.cameras.length === 0) {
        throw new FaceEvalError('CONFIG', 'there is no camera to watch', {
          hint: 'add one under cameras: in the configuration',
        });
      }
    } catch (error) {
      const { message, hint } = error as FaceEvalError;
      this.log.error({ hint }, `the new configuration is refused, the old one stays: ${message}`);
      throw error;
    }
    return wanted;
  }
}
