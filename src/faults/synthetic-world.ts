import { fileURLToPath } from 'node:url';
import type { ConfigInput } from '../config/schema.js';
import { openDatabase } from '../daemon/database.js';
import { FaceEvalError } from '../domain/errors.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { loadManifest } from '../models/manifest.js';
import { axisTemplate, PEOPLE, type SyntheticScene } from './synthetic-scene.js';

/** The program to start instead of `faceeval run`. */
export const SYNTHETIC_DAEMON = fileURLToPath(new URL('./synthetic-daemon.js', import.meta.url));

/** What a daemon needs for every appearance to become a hit. */
export const SYNTHETIC_CONFIG: ConfigInput = {
  cameras: [{ id: 'door', source: 'rtsp://synthetic.invalid/door' }],
  hits: { cooldownMs: 0, unknownCooldownMs: 0 },
};

/** Enrols the people of synthetic scenes. @returns What a scene needs to know of the recogniser. */
export async function enrolSyntheticPeople(
  stateDir: string,
): Promise<Pick<SyntheticScene, 'build' | 'family' | 'dimension'>> {
  const recogniser = loadManifest().builds.find(({ role }) => role === 'recogniser');
  const dimension = recogniser?.output.dimension;
  if (recogniser === undefined || dimension === undefined) {
    throw new FaceEvalError('MODEL', 'the manifest has no recogniser');
  }
  const { id: build, family } = recogniser;
  const { db } = await openDatabase(stateDir);
  try {
    const store = new IdentityStore(db);
    for (let person = 0; person < PEOPLE; person++) {
      const { id } = store.ensure(`Person ${person}`);
      const vector = axisTemplate(person, dimension);
      store.addTemplate(id, { family, build, vector, quality: 1, source: 'synthetic' });
    }
  } finally {
    db.close();
  }
  return { build, family, dimension };
}
