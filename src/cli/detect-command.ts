import { readFile } from 'node:fs/promises';
import { FaceEvalError } from '../domain/errors.js';
import { decodeImage, encodeJpeg } from '../imaging/codec.js';
import { annotate, RECOGNISED } from '../vision/annotate.js';
import type { AnalysedFace } from '../vision/messages.js';
import { defineCommand } from './command.js';
import { openLocalAnalysis } from './local-analysis.js';
import { print, printJson } from './output.js';
import { requireTarget, writeTarget } from './target-file.js';
import { requireWhole } from './whole-number.js';

/** Exit code when an image could not be read. */
const EXIT_UNREADABLE = 1;

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('images', { type: 'string', array: true, demandOption: true })
      .option('draw', {
        type: 'string',
        requiresArg: true,
        describe: 'Write the picture with boxes and landmarks (one image only)',
      })
      .option('min-face', {
        type: 'number',
        requiresArg: true,
        describe: 'Smallest face in pixels; detector.minFacePx when absent',
      })
      .example('$0 detect party.jpg --draw out.jpg', 'see what the detector sees'),
  run: async ({ config: path, json, images, draw, minFace }) => {
    if (draw !== undefined && images.length !== 1) {
      throw new FaceEvalError('USAGE', '--draw takes exactly one image', {
        hint: 'call faceeval detect once for each picture',
      });
    }
    if (draw !== undefined) requireTarget('draw', draw);
    if (minFace !== undefined) requireWhole('min-face', minFace, 12);
    const analysis = await openLocalAnalysis(path, (config) => ({
      ...config,
      detector: { ...config.detector, minFacePx: minFace ?? config.detector.minFacePx },
    }));
    const results = [];
    for (const image of images) {
      const found = await analysis.analyse(image);
      if (!found.ok) {
        results.push({ image, error: found.error, faces: [] });
        continue;
      }
      const faces = found.faces.map(({ box, score, landmarks, quality }) => ({
        box,
        score,
        landmarks,
        quality,
      }));
      results.push({ image, frame: found.frame, faces });
      if (draw !== undefined) await drawFaces(image, found.faces, draw);
    }
    await analysis.release();
    if (json) printJson(results);
    else for (const result of results) print(describe(result));
    return results.some((result) => 'error' in result) ? EXIT_UNREADABLE : 0;
  },
});

async function drawFaces(image: string, faces: readonly AnalysedFace[], to: string): Promise<void> {
  const picture = decodeImage(await readFile(image));
  annotate(
    picture.bgr,
    faces.map(({ box, landmarks, score, quality }) => ({
      box,
      landmarks,
      caption: `${score.toFixed(2)} q ${quality.value.toFixed(2)}`,
      colour: RECOGNISED,
    })),
  );
  await writeTarget(to, encodeJpeg(picture.bgr, 92));
  picture.release();
}

interface ImageResult {
  readonly image: string;
  readonly error?: string;
  readonly faces: readonly Pick<AnalysedFace, 'box' | 'score' | 'quality'>[];
}

function describe({ image, error, faces }: ImageResult): string {
  if (error !== undefined) return `${image}: ${error}`;
  const lines = faces.map(({ box, score, quality }) => {
    const place = [box.x, box.y, box.width, box.height].map(Math.round).join(' ');
    return `  ${place}  score ${score.toFixed(3)}  quality ${quality.value.toFixed(2)}`;
  });
  return [`${image}: ${faces.length === 1 ? '1 face' : `${faces.length} faces`}`, ...lines].join(
    '\n',
  );
}
