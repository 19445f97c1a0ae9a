import type { Config } from '../config/schema.js';
import type { RequestHandlers } from '../control/answer.js';
import type { RequestOf } from '../control/request-schemas.js';
import { FaceEvalError } from '../domain/errors.js';
import { Enrolment, type EnrolmentResult } from '../gallery/enrolment.js';
import type { Gallery } from '../gallery/gallery.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { StillIdentifier } from '../hits/still-identifier.js';
import type { ActiveBuild, Analysis } from '../vision/messages.js';
import {
  enrolFromEvidence,
  type GalleryRequestOptions,
  galleryRequests,
  keepConsent,
} from './gallery-requests.js';

/** What the requests work with. */
export interface RequestHandlerOptions extends GalleryRequestOptions {
  /** Read anew for each request: it may have been reloaded. */
  readonly config: () => Config;
  /** The recogniser in use; undefined while models load. */
  readonly recogniser: () => Pick<ActiveBuild, 'id' | 'family'> | undefined;
  /** The gallery in memory; undefined while models load. */
  readonly gallery: () => Gallery | undefined;
  readonly analyse: (image: Uint8Array) => Promise<Analysis>;
  /** @param cameraId null for all cameras. */
  readonly pause: (cameraId: string | null, on: boolean) => void;
  readonly reload: () => Promise<unknown>;
  readonly status: () => unknown;
}

/** What the daemon does with requests, however they come. */
export function requestHandlers(options: RequestHandlerOptions): RequestHandlers {
  const { config, pause, reload, status } = options;
  return {
    ...galleryRequests(options),
    enroll: async (request) => {
      const { hit, stranger } = request;
      if (hit === undefined && stranger === undefined) return enrolPhoto(options, request);
      return enrolFromEvidence(options, request);
    },
    identify: async ({ image }) => {
      const { faces } = await analysed(options, image);
      const gallery = options.gallery();
      if (gallery === undefined) throw loading();
      const identifier = new StillIdentifier(gallery, config().hits);
      return {
        faces: faces.map(({ box, score, quality, template }) => {
          const { kind, match } = identifier.identify(template);
          return { verdict: kind, match, box, score, quality: quality.value };
        }),
      };
    },
    pause: async ({ camera }) => pause(cameraOf(config(), camera), true),
    resume: async ({ camera }) => pause(cameraOf(config(), camera), false),
    reload,
    status: async () => status(),
  };
}

async function enrolPhoto(
  options: RequestHandlerOptions,
  { name, image = '', note, expiresAt }: RequestOf<'enroll'>,
): Promise<EnrolmentResult> {
  const { db, config, galleryChanged } = options;
  const store = new IdentityStore(db);
  const { faces, frame, family, build } = await analysed(options, image);
  const origin = { family, build, frame, source: 'request' };
  const result = new Enrolment(store, config()).enrol(name, faces, origin);
  if (result.kind === 'refused') {
    throw new FaceEvalError('ENROLMENT', `the photo is refused: ${result.reason}`);
  }
  keepConsent(store, result.identity.id, { note, expiresAt });
  galleryChanged();
  return result;
}

/** The faces of a picture, and what made their templates. */
async function analysed(options: RequestHandlerOptions, image: string) {
  const recogniser = options.recogniser();
  if (recogniser === undefined) throw loading();
  const found = await options.analyse(Buffer.from(image, 'base64'));
  if (found.ok) return { ...found, family: recogniser.family, build: recogniser.id };
  throw new FaceEvalError('IMAGE', found.error, {
    ...(found.hint !== undefined && { hint: found.hint }),
  });
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
