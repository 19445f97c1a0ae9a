import type { Config } from '../config/schema.js';
import type { OnProgress, RequestHandlers } from '../control/answer.js';
import type { RequestOf } from '../control/request-schemas.js';
import { FaceEvalError } from '../domain/errors.js';
import { Enrolment, type EnrolmentResult } from '../gallery/enrolment.js';
import type { Gallery } from '../gallery/gallery.js';
import { GuidedEnrolment } from '../gallery/guided-enrolment.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { enrolLive, type LiveEnrolment } from '../gallery/live-enrolment.js';
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
  /** Analyses what a camera shows next. */
  readonly look: (cameraId: string) => Promise<Analysis>;
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
    enroll: async (request, onProgress, signal) => {
      const { image, camera } = request;
      if (image !== undefined) return enrolPhoto(options, request, image);
      if (camera === undefined) return enrolFromEvidence(options, request);
      return enrolFromCamera(options, request, camera, onProgress, signal);
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
  { name, note, expiresAt }: RequestOf<'enroll'>,
  image: string,
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

async function enrolFromCamera(
  { db, config, recogniser, look, galleryChanged }: RequestHandlerOptions,
  { name, note, expiresAt }: RequestOf<'enroll'>,
  camera: string,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<LiveEnrolment> {
  const used = recogniser();
  if (used === undefined) throw loading();
  const cameraId = cameraOf(config(), camera) ?? camera;
  const store = new IdentityStore(db);
  const result = await enrolLive({
    ...{ name, signal, onStep: onProgress },
    guide: new GuidedEnrolment(config()),
    enrolment: new Enrolment(store, config()),
    origin: { family: used.family, build: used.id, source: `camera ${camera}` },
    look: () => look(cameraId),
  });
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
