import type { Config } from '../config/schema.js';
import { FaceEvalError } from '../domain/errors.js';
import { Enrolment } from '../gallery/enrolment.js';
import type { Gallery } from '../gallery/gallery.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { StillIdentifier } from '../hits/still-identifier.js';
import type { HealthReport } from '../mqtt/payloads.js';
import type { RequestHandlers } from '../mqtt/requests.js';
import type { ActiveBuild, Analysis } from '../vision/messages.js';
import type { Database } from './database.js';
import { forgetPerson } from './forget.js';

/** What the requests work with. */
export interface RequestHandlerOptions {
  readonly db: Database;
  readonly config: Config;
  /** The recogniser in use; undefined while models load. */
  readonly recogniser: () => Pick<ActiveBuild, 'id' | 'family'> | undefined;
  /** The gallery in memory; undefined while models load. */
  readonly gallery: () => Gallery | undefined;
  readonly analyse: (image: Uint8Array) => Promise<Analysis>;
  /** @param cameraId null for all cameras. */
  readonly pause: (cameraId: string | null, on: boolean) => void;
  readonly reload: () => void;
  readonly galleryChanged: () => void;
  readonly status: () => HealthReport;
}

/** What the daemon does with requests that come over MQTT. */
export function requestHandlers(options: RequestHandlerOptions): RequestHandlers {
  const { db, config, pause, reload, galleryChanged, status } = options;
  const store = new IdentityStore(db);
  const analyse = async (image: string) => {
    const recogniser = options.recogniser();
    if (recogniser === undefined) throw loading();
    const found = await options.analyse(Buffer.from(image, 'base64'));
    if (found.ok) return { ...found, family: recogniser.family, build: recogniser.id };
    throw new FaceEvalError('IMAGE', found.error, {
      ...(found.hint !== undefined && { hint: found.hint }),
    });
  };
  return {
    enroll: async ({ name, image }) => {
      const { faces, frame, family, build } = await analyse(image);
      const origin = { family, build, frame, source: 'mqtt' };
      const result = new Enrolment(store, config).enrol(name, faces, origin);
      if (result.kind === 'refused') {
        throw new FaceEvalError('ENROLMENT', `the photo is refused: ${result.reason}`);
      }
      galleryChanged();
      return result;
    },
    forget: async ({ person }) => {
      const identity = store.require(person);
      const threshold = options.gallery()?.thresholdOf(null) ?? 1;
      const { complete, erased } = await forgetPerson(identity, {
        ...{ db, stateDir: config.stateDir, threshold, onErased: galleryChanged },
      });
      return { identity, complete, erased };
    },
    identify: async ({ image }) => {
      const { faces } = await analyse(image);
      const gallery = options.gallery();
      if (gallery === undefined) throw loading();
      const identifier = new StillIdentifier(gallery, config.hits);
      return {
        faces: faces.map(({ box, score, quality, template }) => {
          const { kind, match } = identifier.identify(template);
          return { verdict: kind, match, box, score, quality: quality.value };
        }),
      };
    },
    pause: async ({ camera }) => pause(cameraOf(config, camera), true),
    resume: async ({ camera }) => pause(cameraOf(config, camera), false),
    reload: async () => reload(),
    status: async () => status(),
  };
}

function loading(): FaceEvalError {
  return new FaceEvalError('VISION', 'the models are being loaded', {
    hint: 'ask again in some seconds',
  });
}

function cameraOf(config: Config, id: string | undefined): string | null {
  if (id === undefined) return null;
  const known = config.cameras.map((camera) => camera.id);
  if (known.includes(id)) return id;
  throw new FaceEvalError('USAGE', `there is no camera "${id}"`, {
    hint: `there is: ${known.join(', ')}`,
  });
}
