import type { Logger } from 'pino';
import { type ConfigChanges, configChanges, withFixedOf } from '../config/changes.js';
import type { Config } from '../config/schema.js';
import { FaceEvalError } from '../domain/errors.js';
import { buildsOf, loadManifest, missingFiles, thresholdAtFar } from '../models/manifest.js';
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
   * @param inUse Build of the recogniser that is loaded; its threshold has to be known.
   * @throws FaceEvalError CONFIG when the new one is wrong, MODEL when it asks for models that are
   *   not there: the old one stays in force.
   */
  reload(inUse?: string): ConfigChanges {
    if (this.read === undefined) return { live: [], vision: [], restart: [] };
    const wanted = this.#readChecked(this.read, inUse);
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

  #readChecked(read: () => Config, inUse: string | undefined): Config {
    let wanted: Config;
    try {
      wanted = read();
      if (wanted.cameras.length === 0) {
        throw new FaceEvalError('CONFIG', 'there is no camera to watch', {
          hint: 'add one under cameras: in the configuration',
        });
      }
      checkModels(wanted);
      if (inUse !== undefined && !changeModels(configChanges(this.#config, wanted))) {
        thresholdAtFar(inUse, wanted);
      }
    } catch (error) {
      const { message, hint } = error as FaceEvalError;
      this.log.error({ hint }, `the new configuration is refused, the old one stays: ${message}`);
      throw error;
    }
    return wanted;
  }
}

/** Whether other models may be loaded for these changes than those that are. */
export function changeModels({ vision }: ConfigChanges): boolean {
  return vision.some((key) => key.split('.')[0] === 'models' || key === 'recogniser.build');
}

/** What the vision process did not find would make it end, again and again. */
function checkModels(config: Config): void {
  const manifest = loadManifest(config.models.dir);
  for (const role of ['detector', 'recogniser', 'liveness'] as const) {
    if (role === 'liveness' && !config.liveness.enabled) continue;
    const { build: asked } = config[role];
    const all = buildsOf(manifest, role);
    const fitting = all.filter(({ id }) => asked === 'auto' || id === asked);
    if (fitting.some((build) => missingFiles(manifest, build).length === 0)) continue;
    const what = asked === 'auto' ? `no ${role}` : `no ${role} "${asked}"`;
    throw new FaceEvalError('MODEL', `${manifest.folder} has ${what}, or not its files`, {
      hint: `its manifest.json lists: ${all.map(({ id }) => id).join(', ') || 'none'}`,
    });
  }
}
