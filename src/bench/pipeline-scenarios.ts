import { FaceEvalError } from '../domain/errors.js';
import type { Face } from '../domain/records.js';
import { alignFace } from '../faces/alignment.js';
import { Embedder } from '../faces/embedder.js';
import { Mtcnn } from '../faces/mtcnn.js';
import { judgeQuality } from '../faces/quality.js';
import type { Mat } from '../imaging/opencv.js';
import { opencv } from '../imaging/opencv.js';
import type { Picture } from '../imaging/picture.js';
import { OUR_PARAMETERS, openDetectorBuild } from './detector-nets.js';
import type { BenchContext, OpenScenario, Scenario } from './scenario.js';

const FRAME = { width: 1280, height: 720 };
const HEAD_PX = 240;

/** Rows on the way from a decoded frame to templates, with the builds that the daemon takes. */
export function pipelineScenarios(): Scenario[] {
  return [
    {
      id: 'align',
      model: 'alignment to 112×112',
      build: null,
      quick: true,
      open: openAlignment,
    },
    { id: 'quality', model: 'quality of a face', build: null, quick: true, open: openQuality },
    ...[1, 3, 10].map(
      (faces): Scenario => ({
        id: `frame-to-templates/${faces}-faces`,
        model: 'frame → templates',
        build: null,
        quick: faces !== 3,
        open: (context) => openFrameToTemplates(context, faces),
      }),
    ),
  ];
}

interface Scene {
  readonly picture: Picture;
  readonly faces: readonly Face[];
  readonly detect: () => Promise<Face[]>;
  readonly threads: number;
  readonly provider: string;
  readonly close: () => Promise<void>;
}

async function openScene(context: BenchContext, count: number): Promise<Scene> {
  opencv().setNumThreads(1);
  const { opened, nets, threads } = await openDetectorBuild(context.opener, null);
  const picture = await context.frames.frame(count, FRAME, HEAD_PX);
  const detector = new Mtcnn(nets, OUR_PARAMETERS);
  const faces = await detector.detect(picture);
  if (faces.length !== count) {
    throw new FaceEvalError('VISION', `${faces.length} faces were found instead of ${count}`);
  }
  const detect = () => detector.detect(picture);
  return { picture, faces, detect, threads, provider: opened.provider, close: opened.release };
}

/** What rows without a net share. */
const PLAIN = { precision: '8-bit', provider: 'opencv', threads: 1, sizeBytes: null, batch: 1 };

async function openAlignment(context: BenchContext): Promise<OpenScenario> {
  const { picture, faces, close } = await openScene(context, 1);
  const face = faces[0] as Face;
  return {
    ...PLAIN,
    run: async () => {
      alignFace(picture, face.landmarks).release();
    },
    close,
  };
}

async function openQuality(context: BenchContext): Promise<OpenScenario> {
  const { picture, faces, close } = await openScene(context, 1);
  const face = faces[0] as Face;
  const aligned = alignFace(picture, face.landmarks);
  return {
    ...PLAIN,
    run: async () => {
      judgeQuality(face.landmarks, face.score, aligned);
    },
    close,
  };
}

async function openFrameToTemplates(context: BenchContext, count: number): Promise<OpenScenario> {
  const scene = await openScene(context, count);
  const opened = await context.opener.open('recogniser');
  const session = Object.values(opened.sessions)[0];
  const { dimension } = opened.build.output;
  if (session === undefined || dimension === undefined) {
    throw new FaceEvalError('MODEL', `${opened.build.id} has no net or no dimension`);
  }
  const sidePx = opened.build.input.sidePx ?? 112;
  const embedder = new Embedder(session, { sidePx, dimension, maxBatch: 8 });
  return {
    run: async () => {
      const found = await scene.detect();
      const aligned: Mat[] = found.map((face) => alignFace(scene.picture, face.landmarks, sidePx));
      for (const [index, face] of found.entries()) {
        judgeQuality(face.landmarks, face.score, aligned[index] as Mat);
      }
      await embedder.embed(aligned);
      for (const mat of aligned) mat.release();
    },
    close: async () => {
      await scene.close();
      await opened.release();
    },
    precision: opened.build.precision,
    provider: opened.provider,
    threads: scene.threads,
    sizeBytes: null,
    batch: count,
    note: `1280×720, detection, alignment, quality and ${opened.build.id}`,
  };
}
