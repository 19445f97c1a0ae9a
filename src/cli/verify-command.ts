import { FaceEvalError } from '../domain/errors.js';
import { cosine } from '../gallery/cosine.js';
import { pickFace } from '../gallery/enrolment.js';
import { thresholdAtFar } from '../models/manifest.js';
import type { AnalysedFace } from '../vision/messages.js';
import { defineCommand } from './command.js';
import { type LocalAnalysis, openLocalAnalysis } from './local-analysis.js';
import { print, printJson } from './output.js';

/** Exit code for two different people. */
const EXIT_DIFFERENT = 1;

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('first', { type: 'string', demandOption: true })
      .positional('second', { type: 'string', demandOption: true })
      .example('$0 verify a.jpg b.jpg', 'do both photos show one person?')
      .epilogue('Exit code 0 for one person, 1 for two, 65 when a photo cannot be judged.'),
  run: async ({ config: path, json, first, second }) => {
    const analysis = await openLocalAnalysis(path);
    try {
      const similarity = cosine(
        (await faceOf(analysis, first)).template,
        (await faceOf(analysis, second)).template,
      );
      const threshold = thresholdAtFar(analysis.engine.build, analysis.config);
      const same = similarity >= threshold;
      if (json) printJson({ same, similarity, threshold });
      else {
        const said = same ? 'one person' : 'two people';
        print(`${said}: similarity ${similarity.toFixed(3)}, threshold ${threshold.toFixed(3)}`);
      }
      return same ? 0 : EXIT_DIFFERENT;
    } finally {
      await analysis.release();
    }
  },
});

async function faceOf(analysis: LocalAnalysis, path: string): Promise<AnalysedFace> {
  const found = await analysis.analyse(path);
  if (!found.ok) throw new FaceEvalError('IMAGE', `${path}: ${found.error}`);
  const picked = pickFace(found.faces, found.frame, analysis.config.quality);
  if (picked.ok) return picked.face;
  throw new FaceEvalError('IMAGE', `${path}: ${picked.reason}`);
}
