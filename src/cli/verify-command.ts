import { existsSync } from 'node:fs';
import { databasePath, openDatabase } from '../daemon/database.js';
import { FaceEvalError } from '../domain/errors.js';
import { readCalibration } from '../gallery/calibration.js';
import { cosine } from '../gallery/cosine.js';
import { pickFace } from '../gallery/enrolment.js';
import { thresholdAtFar } from '../models/manifest.js';
import type { AnalysedFace } from '../vision/messages.js';
import { defineCommand } from './command.js';
import { type LocalAnalysis, openLocalAnalysis } from './local-analysis.js';
import { note, print, printJson } from './output.js';

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
      const threshold = await thresholdHere(analysis);
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

/** The one that holds for the gallery, where there is one: `faceeval calibrate` may have moved it. */
async function thresholdHere({ engine, config }: LocalAnalysis): Promise<number> {
  const { stateDir, encryption, recogniser } = config;
  const published = thresholdAtFar(engine.build, config);
  if (recogniser.threshold !== null || !existsSync(databasePath(stateDir))) return published;
  const { db, repair } = await openDatabase(stateDir, encryption);
  if (repair !== undefined) note(repair);
  try {
    return readCalibration(db, engine.family)?.threshold ?? published;
  } finally {
    db.close();
  }
}

async function faceOf(analysis: LocalAnalysis, path: string): Promise<AnalysedFace> {
  const found = await analysis.analyse(path);
  if (!found.ok) throw new FaceEvalError('IMAGE', `${path}: ${found.error}`);
  const picked = pickFace(found.faces, found.frame, analysis.config.quality);
  if (picked.ok) return picked.face;
  throw new FaceEvalError('IMAGE', `${path}: ${picked.reason}`);
}
