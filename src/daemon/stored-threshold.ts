import type { Config } from '../config/schema.js';
import { readCalibration } from '../gallery/calibration.js';
import { thresholdAtFar } from '../models/manifest.js';
import type { Database } from './database.js';

/**
 * Cosine from which two templates are of one person, where no models are loaded: it is that of the
 * recogniser which made the newest template.
 *
 * @returns 1 while the gallery is empty.
 * @throws FaceEvalError MODEL when the manifest does not know that recogniser.
 */
export function storedThreshold(db: Database, config: Config): number {
  if (config.recogniser.threshold !== null) return config.recogniser.threshold;
  const newest = db
    .prepare<[], { family: string; build: string }>(
      'SELECT family, build FROM templates ORDER BY created_at_ms DESC, id DESC LIMIT 1',
    )
    .get();
  if (newest === undefined) return 1;
  return readCalibration(db, newest.family)?.threshold ?? thresholdAtFar(newest.build, config);
}
