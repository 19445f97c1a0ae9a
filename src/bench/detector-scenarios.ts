import { FaceEvalError } from '../domain/errors.js';
import type { Size } from '../domain/records.js';
import { DEFAULT_NMS, Mtcnn, type MtcnnNets, type MtcnnParameters } from '../faces/mtcnn.js';
import { opencv } from '../imaging/opencv.js';
import { Picture } from '../imaging/picture.js';
import { type Build, buildsOf, type Manifest, sizeBytesOf } from '../models/manifest.js';
import type { OpenedBuild } from '../models/open-build.js';
import { composeFrame } from './frames.js';
import type { BenchContext, OpenScenario, Scenario } from './scenario.js';

/** How the seed's edge demo sets MTCNN: ../shared in its README, research/definitions.md. */
const SEED_PARAMETERS: MtcnnParameters = {
  minFacePx: 20,
  pyramidFactor: 0.79,
  thresholds: [0.9, 0.6, 0.7],
  nms: [0.5, 0.7, 0.4, 0.6],
  maxFaces: 32,
};
const SEED_SCALE = 0.4;

const OUR_PARAMETERS: MtcnnParameters = {
  minFacePx: 40,
  pyramidFactor: 0.709,
  thresholds: [0.6, 0.7, 0.8],
  nms: DEFAULT_NMS,
  maxFaces: 32,
};

/** Finds the heads of the sample photos: large, certain faces only. */
const SAMPLE_PARAMETERS: MtcnnParameters = { ...OUR_PARAMETERS, minFacePx: 100 };

interface Setting {
  readonly name: string;
  readonly frame: Size;
  readonly headPx: number;
  readonly parameters: MtcnnParameters;
  /** The frame is scaled by this first, within the measured time. */
  readonly scale: number;
  readonly quick: boolean;
  readonly seedKey?: string;
}

const SETTINGS: readonly Setting[] = [
  {
    name: 'seed-setting-1280x720',
    frame: { width: 1280, height: 720 },
    headPx: 240,
    parameters: SEED_PARAMETERS,
    scale: SEED_SCALE,
    quick: true,
    seedKey: 'mtcnn',
  },
  {
    name: 'default-1280x720',
    frame: { width: 1280, height: 720 },
    headPx: 240,
    parameters: OUR_PARAMETERS,
    scale: 1,
    quick: false,
  },
  {
    name: 'default-640x480',
    frame: { width: 640, height: 480 },
    headPx: 160,
    parameters: OUR_PARAMETERS,
    scale: 1,
    quick: true,
  },
];

const FACES = 3;

/** One row a detector build and setting: a decoded frame with three faces → boxes and landmarks. */
export function detectorScenarios(manifest: Manifest): Scenario[] {
  return buildsOf(manifest, 'detector').flatMap((build) =>
    SETTINGS.map(
      (setting): Scenario => ({
        id: `${build.id}/${setting.name}`,
        model: 'MTCNN',
        build: build.id,
        quick: setting.quick,
        ...(setting.seedKey === undefined ? {} : { seedKey: setting.seedKey }),
        open: (context) => openDetector(context, build, setting),
      }),
    ),
  );
}

/** Opens one detector build, also when another one would be chosen. */
export async function openDetectorBuild(
  { opener }: BenchContext,
  id: string | null,
): Promise<{ opened: OpenedBuild; nets: MtcnnNets; threads: number }> {
  const { candidates, rejected } = opener.rank('detector', true);
  const candidate = candidates.find(({ build }) => id === null || build.id === id);
  if (candidate === undefined) {
    const reason = rejected.find((entry) => entry.id === id)?.reason ?? 'it cannot run here';
    throw new FaceEvalError('MODEL', reason);
  }
  const opened = await opener.openCandidate(candidate);
  const { pnet, rnet, onet } = opened.sessions;
  if (pnet === undefined || rnet === undefined || onet === undefined) {
    throw new FaceEvalError('MODEL', `${candidate.build.id} is no MTCNN`);
  }
  return { opened, nets: { pnet, rnet, onet }, threads: candidate.threads };
}

/** A frame with so many faces, made with nets that are open already. */
export function composeBenchFrame(
  nets: MtcnnNets,
  faces: number,
  frame: Size,
  headPx: number,
): Promise<Picture> {
  return composeFrame(new Mtcnn(nets, SAMPLE_PARAMETERS), faces, frame, headPx);
}

/** The detector as the daemon sets it. */
export function defaultDetector(nets: MtcnnNets): Mtcnn {
  return new Mtcnn(nets, OUR_PARAMETERS);
}

async function openDetector(
  context: BenchContext,
  build: Build,
  setting: Setting,
): Promise<OpenScenario> {
  opencv().setNumThreads(1);
  const { opened, nets, threads } = await openDetectorBuild(context, build.id);
  const picture = await composeBenchFrame(nets, FACES, setting.frame, setting.headPx);
  const detector = new Mtcnn(nets, setting.parameters);
  const detect = () => detectScaled(detector, picture, setting.scale);
  const found = await detect();
  if (found !== FACES) {
    throw new FaceEvalError('VISION', `${found} faces were found instead of ${FACES}`);
  }
  return {
    run: async () => {
      await detect();
    },
    close: opened.release,
    precision: build.precision,
    provider: opened.provider,
    threads,
    sizeBytes: sizeBytesOf(build),
    batch: 1,
    note: `${FACES} faces`,
  };
}

async function detectScaled(detector: Mtcnn, picture: Picture, scale: number): Promise<number> {
  if (scale === 1) return (await detector.detect(picture)).length;
  const cv = opencv();
  const { width, height } = picture;
  const small = Picture.fromBgr(
    picture.bgr.resize(Math.round(height * scale), Math.round(width * scale), 0, 0, cv.INTER_AREA),
  );
  const faces = await detector.detect(small);
  small.release();
  return faces.length;
}
