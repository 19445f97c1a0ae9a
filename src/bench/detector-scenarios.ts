import { FaceEvalError } from '../domain/errors.js';
import type { Size } from '../domain/records.js';
import { Mtcnn, type MtcnnParameters } from '../faces/mtcnn.js';
import { opencv } from '../imaging/opencv.js';
import { type Build, buildsOf, type Manifest, sizeBytesOf } from '../models/manifest.js';
import { OUR_PARAMETERS, openDetectorBuild } from './detector-nets.js';
import type { BenchContext, OpenScenario, Scenario } from './scenario.js';
import { detectScaled, SEED_PARAMETERS, SEED_SCALE } from './seed-setting.js';

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

async function openDetector(
  context: BenchContext,
  build: Build,
  setting: Setting,
): Promise<OpenScenario> {
  opencv().setNumThreads(1);
  const { opened, nets, threads } = await openDetectorBuild(context.opener, build.id);
  const picture = await context.frames.frame(FACES, setting.frame, setting.headPx);
  const detector = new Mtcnn(nets, setting.parameters);
  const detect = () => detectScaled(detector, picture, setting.scale);
  const found = (await detect()).length;
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
