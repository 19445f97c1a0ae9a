import { join } from 'node:path';
import { ulid } from 'ulid';
import { configSchema } from '../config/schema.js';
import { openDatabase } from '../daemon/database.js';
import { FaceEvalError } from '../domain/errors.js';
import type { Face, Hit, Template } from '../domain/records.js';
import { alignFace } from '../faces/alignment.js';
import { Mtcnn } from '../faces/mtcnn.js';
import { judgeQuality } from '../faces/quality.js';
import { GalleryIndex } from '../gallery/gallery-index.js';
import { HitStore } from '../hits/hit-store.js';
import { Outbox } from '../hits/outbox.js';
import { judge } from '../hits/verdict.js';
import { type Mat, opencv } from '../imaging/opencv.js';
import type { Picture } from '../imaging/picture.js';
import type { OpenedBuild } from '../models/open-build.js';
import { embedderOf } from '../vision/face-engine.js';
import { OUR_PARAMETERS, openDetectorBuild } from './detector-nets.js';
import type { BenchContext, OpenScenario, Scenario } from './scenario.js';
import { randomTemplates } from './search-scenarios.js';

const FRAME = { width: 1280, height: 720 };
const HEAD_PX = 240;
const GALLERY_TEMPLATES = 1000;
/** Between two frames of a camera with 15 a second, while there is one face. */
const CAMERA_REST_MS = 60;
/** Any threshold: what a verdict costs does not depend on it. */
const THRESHOLD = 0.4;

/** Rows on the way from a decoded frame to a hit, with the builds that the daemon takes. */
export function pipelineScenarios(): Scenario[] {
  const plain = { build: null, quick: true };
  return [
    { ...plain, id: 'align', model: 'alignment to 112×112', open: openAlignment },
    { ...plain, id: 'quality', model: 'quality of a face', open: openQuality },
    ...[1, 3, 10].map(
      (faces): Scenario => ({
        id: `frame-to-templates/${faces}-faces`,
        model: 'frame → templates',
        build: null,
        quick: faces !== 3,
        open: (context) => openFrameToTemplates(context, faces),
      }),
    ),
    {
      ...{ ...plain, id: 'frame-to-hit/1-face', model: 'frame → hit' },
      open: (context) => openFrameToHit(context, 0),
    },
    {
      ...{ ...plain, id: 'frame-to-hit/1-face-from-a-camera', model: 'frame → hit, from a camera' },
      open: (context) => openFrameToHit(context, CAMERA_REST_MS),
    },
  ];
}

/** A frame with faces, and what finds them. */
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

/** Detection, alignment, quality and embedding of one scene. */
interface TemplateLine {
  readonly scene: Scene;
  readonly opened: OpenedBuild;
  readonly run: () => Promise<Template[]>;
  readonly close: () => Promise<void>;
}

async function openTemplateLine(context: BenchContext, count: number): Promise<TemplateLine> {
  const scene = await openScene(context, count);
  const opened = await context.opener.open('recogniser');
  await opened.settled;
  const sidePx = opened.build.input.sidePx ?? 112;
  const embedder = embedderOf(opened, configSchema.parse({}).recogniser.maxBatch);
  const run = async (): Promise<Template[]> => {
    const found = await scene.detect();
    const aligned: Mat[] = found.map((face) => alignFace(scene.picture, face.landmarks, sidePx));
    for (const [index, face] of found.entries()) {
      judgeQuality(face.landmarks, face.score, aligned[index] as Mat);
    }
    const templates = await embedder.embed(aligned);
    for (const mat of aligned) mat.release();
    return templates;
  };
  const close = async (): Promise<void> => {
    await scene.close();
    await opened.release();
  };
  return { scene, opened, run, close };
}

function describe({ scene, opened }: TemplateLine, note: string, batch: number) {
  const { precision, id } = opened.build;
  return {
    precision,
    provider: opened.provider,
    threads: scene.threads,
    sizeBytes: null,
    batch,
    note: `${FRAME.width}×${FRAME.height}, ${note}, ${id}`,
  };
}

async function openFrameToTemplates(context: BenchContext, count: number): Promise<OpenScenario> {
  const line = await openTemplateLine(context, count);
  return {
    ...describe(line, 'detection, alignment, quality and embedding', count),
    run: async () => {
      await line.run();
    },
    close: line.close,
  };
}

/**
 * Everything that a hit costs but its way over the network: it ends with the row in SQLite.
 *
 * @param restMs With a rest between frames threads are asleep and caches cold when one comes.
 */
async function openFrameToHit(context: BenchContext, restMs: number): Promise<OpenScenario> {
  const line = await openTemplateLine(context, 1);
  const [own] = await line.run();
  if (own === undefined) throw new FaceEvalError('VISION', 'no template was made');
  const index = new GalleryIndex();
  const person = { id: 'own', name: 'The one on the picture' };
  index.load([
    ...randomTemplates(GALLERY_TEMPLATES - 1, own.length),
    { id: 'own', identity: person, vector: own, quality: 1 },
  ]);
  const { db } = await openDatabase(join(context.folder, 'frame-to-hit'));
  const store = new HitStore(db, new Outbox(db));
  const rules = configSchema.parse({}).hits;
  const run = async (): Promise<void> => {
    const startMs = performance.now();
    const [template] = await line.run();
    if (template === undefined) throw new Error('the face was lost');
    const candidates = index.search(template, 2);
    const evidence = { candidates, shots: rules.shots, before: null };
    const verdict = judge(evidence, () => THRESHOLD, rules);
    if (verdict.kind !== 'recognised') throw new Error('the person was not recognised');
    store.write(hitOf(verdict.identity, line, performance.now() - startMs));
  };
  const rest = restMs > 0 ? `, ${restMs} ms of rest before each frame` : '';
  return {
    ...describe(line, `detection to hit in SQLite, ${GALLERY_TEMPLATES} templates${rest}`, 1),
    run,
    restMs,
    close: async () => {
      await line.close();
      db.close();
    },
  };
}

function hitOf(identity: Hit['identity'], { scene, opened }: TemplateLine, totalMs: number): Hit {
  return {
    schema: 1,
    id: ulid(),
    type: 'recognised',
    time: new Date().toISOString(),
    camera: 'bench',
    track: 'bench-1',
    ...(identity === undefined ? {} : { identity }),
    similarity: 1,
    threshold: THRESHOLD,
    margin: 0.6,
    shots: 2,
    quality: 1,
    box: (scene.faces[0] as Face).box,
    frame: FRAME,
    model: opened.build.id,
    latencyMs: { capture: 0, detect: 0, embed: 0, match: 0, total: totalMs },
  };
}
