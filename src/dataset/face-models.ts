import { availableParallelism } from 'node:os';
import type { Config } from '../config/schema.js';
import { FaceEvalError } from '../domain/errors.js';
import { thresholdAtFar } from '../models/manifest.js';
import { BuildOpener, type ModelSettings } from '../models/open-build.js';
import { type FaceEngine, openFaceEngine } from '../vision/face-engine.js';
import type { FalseAcceptCosines } from './label-check.js';

/** Faces that are embedded in one run. */
const EMBED_BATCH = 8;

/** The builds that a set is looked at with, and how. */
export interface FaceModels {
  /** For a worker: one thread, and a state folder of its own. */
  readonly settingsFor: (stateDir: string) => ModelSettings;
  /** Changes whenever findings may change: builds, their files and the detector's parameters. */
  readonly method: string;
  /** Measured on the recogniser: how alike two different people are. */
  readonly cosines: FalseAcceptCosines;
}

/**
 * Chooses the builds once, as the daemon would on this device; each worker opens them by name.
 * Workers keep their models' memory to themselves: one that is killed while it loads would count
 * as a crash of the build in the daemon's.
 *
 * @throws FaceEvalError MODEL when no build can run here.
 */
export async function chooseFaceModels(config: Config): Promise<FaceModels> {
  const settings: ModelSettings = {
    ...config,
    models: { ...config.models, threads: 1, spinning: 'never', providers: ['cpu'] },
    liveness: { ...config.liveness, enabled: false },
  };
  const opener = await BuildOpener.create(settings);
  const [detector, recogniser] = (['detector', 'recogniser'] as const).map((role) => {
    const [best] = opener.rank(role).candidates;
    return best?.build as NonNullable<typeof best>['build'];
  });
  const cosineAt = (targetFar: number) =>
    thresholdAtFar(recogniser?.id ?? '', {
      models: config.models,
      recogniser: { targetFar, threshold: null },
    });
  const { minFacePx, pyramidFactor, thresholds, maxFaces } = config.detector;
  return {
    settingsFor: (stateDir) => ({
      ...settings,
      stateDir,
      detector: { ...config.detector, build: detector?.id ?? 'auto' },
      recogniser: {
        ...config.recogniser,
        build: recogniser?.id ?? 'auto',
        maxBatch: EMBED_BATCH,
      },
    }),
    cosines: {
      0.01: cosineAt(0.01),
      0.001: cosineAt(0.001),
      0.0001: cosineAt(0.0001),
    },
    method: JSON.stringify({
      files: [detector, recogniser].flatMap((build) => build?.files.map(({ sha256 }) => sha256)),
      minFacePx,
      pyramidFactor,
      thresholds,
      maxFaces,
    }),
  };
}

/**
 * Opens the models in a worker.
 *
 * @throws FaceEvalError MODEL when the chosen builds do not load: others would find other things.
 */
export async function openModels(settings: ModelSettings): Promise<FaceEngine> {
  const engine = await openFaceEngine(settings);
  for (const { role, id, reason } of engine.builds) {
    if (role !== 'liveness' && id !== settings[role].build) {
      throw new FaceEvalError('MODEL', `${settings[role].build} does not load: ${reason}`, {
        hint: 'run `faceeval doctor`',
      });
    }
  }
  return engine;
}

/** One worker a core. */
export function defaultWorkers(): number {
  return availableParallelism();
}
