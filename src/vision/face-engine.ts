import { FaceEvalError } from '../domain/errors.js';
import { Embedder } from '../faces/embedder.js';
import { Liveness } from '../faces/liveness.js';
import { DEFAULT_NMS, Mtcnn } from '../faces/mtcnn.js';
import { opencv } from '../imaging/opencv.js';
import type { InferenceSession } from '../models/inference-session.js';
import { sizeBytesOf } from '../models/manifest.js';
import {
  BuildOpener,
  type ModelSettings,
  type OpenEvents,
  type OpenedBuild,
} from '../models/open-build.js';
import type { ActiveBuild } from './messages.js';

/** Detector and recogniser, loaded. */
export interface FaceEngine {
  readonly detector: Mtcnn;
  readonly recogniser: Embedder;
  /** Set when the configuration asks for it. */
  readonly liveness: Liveness | undefined;
  /** Family of the templates that the recogniser makes. */
  readonly family: string;
  /** Id of the recogniser's build. */
  readonly build: string;
  readonly builds: readonly ActiveBuild[];
  release(): Promise<void>;
}

/**
 * Opens the builds that fit this device and puts the nets together.
 *
 * @throws FaceEvalError MODEL when no build of a role can be used.
 */
export async function openFaceEngine(
  settings: ModelSettings,
  events: OpenEvents = {},
): Promise<FaceEngine> {
  // Frames are small: OpenCV's own threads would only fight with those of the inference.
  opencv().setNumThreads(1);
  const opener = await BuildOpener.create(settings, events);
  const detector = await opener.open('detector');
  const recogniser = await opener.open('recogniser');
  const liveness = settings.liveness.enabled ? await opener.open('liveness') : undefined;
  const opened = [detector, recogniser, ...(liveness === undefined ? [] : [liveness])];
  const { build } = recogniser;
  return {
    detector: new Mtcnn(
      {
        pnet: netOf(detector, 'pnet'),
        rnet: netOf(detector, 'rnet'),
        onet: netOf(detector, 'onet'),
      },
      { ...settings.detector, nms: DEFAULT_NMS },
    ),
    recogniser: embedderOf(recogniser, settings.recogniser.maxBatch),
    liveness: liveness && openLiveness(liveness),
    family: build.family,
    build: build.id,
    builds: opened.map(describe),
    release: async () => {
      for (const one of opened) await one.release();
    },
  };
}

/** Weights that no core's cache holds: every run reads them anew, and many faces share that. */
const HEAVY_BYTES = 16 << 20;

/**
 * @param maxBatch Most faces of a run.
 * @throws FaceEvalError MODEL when the manifest leaves out what an embedder must know.
 */
export function embedderOf(opened: OpenedBuild, maxBatch: number): Embedder {
  const light = sizeBytesOf(opened.build) < HEAVY_BYTES;
  return new Embedder(netOf(opened, 'net'), {
    sidePx: opened.build.input.sidePx ?? 112,
    dimension: dimensionOf(opened),
    maxBatch,
    ...(light ? { facesAThread: 1 } : {}),
  });
}

function openLiveness(opened: OpenedBuild): Liveness {
  const { sidePx, cropScale } = opened.build.input;
  if (sidePx === undefined || typeof cropScale !== 'number') {
    throw incomplete(`the manifest does not say what ${opened.build.id} looks at`);
  }
  return new Liveness(netOf(opened, 'net'), { sidePx, cropScale });
}

function describe({ build, provider, reason }: OpenedBuild): ActiveBuild {
  const { role, id, family, precision } = build;
  return { role, id, family, precision, provider, reason };
}

function netOf({ build, sessions }: OpenedBuild, name: string): InferenceSession {
  const net = sessions[name];
  if (net !== undefined) return net;
  throw incomplete(`the build ${build.id} has no file "${name}"`);
}

function dimensionOf({ build }: OpenedBuild): number {
  const { dimension } = build.output;
  if (dimension !== undefined) return dimension;
  throw incomplete(`the manifest does not give the dimension of ${build.id}`);
}

function incomplete(message: string): FaceEvalError {
  return new FaceEvalError('MODEL', message, {
    hint: 'install faceeval again, or make the manifest anew with training/convert',
  });
}
