import { type Database, openDatabase } from '../daemon/database.js';
import { keepConsent } from '../daemon/gallery-requests.js';
import { FaceEvalError } from '../domain/errors.js';
import { Enrolment, type EnrolmentResult, type PhotoOrigin } from '../gallery/enrolment.js';
import { IdentityStore } from '../gallery/identity-store.js';
import type { AnalysedFace } from '../vision/messages.js';
import { askGallery } from './ask-gallery.js';
import { enrolAtCamera } from './camera-enrolment.js';
import { defineCommand } from './command.js';
import { consentFields, declareConsent } from './consent-options.js';
import { counted } from './counted.js';
import { type LocalAnalysis, openLocalAnalysis } from './local-analysis.js';
import { note, print, printJson } from './output.js';
import { listNamedPhotos, type NamedPhoto } from './photo-files.js';
import { startProgress } from './progress.js';
import { stoppable } from './stoppable.js';

/** Exit code when some photos were refused. */
const EXIT_REFUSED = 1;

export const command = defineCommand({
  declare: (yargs) =>
    declareConsent(
      yargs
        .positional('name', { type: 'string', describe: 'Who it is' })
        .positional('photos', { type: 'string', array: true, describe: 'Photos of this person' })
        .option('from', {
          type: 'string',
          requiresArg: true,
          describe: 'Folder with Name.jpg files, or a folder of photos for each name',
        })
        .option('camera', {
          type: 'string',
          requiresArg: true,
          describe: 'Who looks into this camera: you are told what to do',
        })
        .option('hit', { type: 'string', requiresArg: true, describe: 'Who was seen in this hit' })
        .option('stranger', { type: 'string', requiresArg: true, describe: 'This stranger' }),
    )
      .example('$0 enroll "Ann Lee" ann1.jpg ann2.jpg', 'enrol one person')
      .example('$0 enroll --from FaceDatabase', 'enrol everybody of a folder')
      .example('$0 enroll "Ann Lee" --camera door', 'Ann stands in front of the camera')
      .example('$0 enroll "Ann Lee" --stranger 7', 'who is known as unknown #7 so far')
      .example('$0 enroll Ann ann.jpg --note "asked, 24 Nov" --expires 1y', 'with her consent')
      .epilogue('Exit code 0 when every photo was taken, 1 when some were refused.'),
  run: async (args) => {
    const { config, json, name, photos = [], from, hit, stranger, camera } = args;
    const consent = consentFields(args);
    const sources = [photos.length > 0, from, hit, stranger, camera].filter(Boolean);
    if (sources.length !== 1 || (name === undefined) !== (from !== undefined)) throw usage();
    if (name === undefined || photos.length > 0) {
      const wanted =
        name === undefined ? listNamedPhotos(from ?? '') : photos.map((path) => ({ name, path }));
      return enrolPhotos(config, json, wanted, consent);
    }
    if (camera !== undefined) return enrolAtCamera(config, json, { name, camera, ...consent });
    const request = { name, ...(hit === undefined ? { stranger } : { hit }), ...consent };
    const { answer } = await askGallery(config, 'enroll', request);
    const { identity, templates } = answer;
    if (json) printJson(answer);
    else if (templates > 0) print(`enrolled  ${identity.name}: ${counted(templates, 'template')}`);
    else print(`unchanged ${identity.name}: this face adds nothing to what is there`);
    return 0;
  },
});

function usage(): FaceEvalError {
  return new FaceEvalError(
    'USAGE',
    'give a name and photos, --camera, --hit or --stranger, or --from with a folder',
    { hint: 'faceeval enroll "Ann Lee" ann.jpg, or faceeval enroll --from FaceDatabase' },
  );
}

async function enrolPhotos(
  configPath: string | undefined,
  json: boolean,
  wanted: readonly NamedPhoto[],
  consent: Consent,
): Promise<number> {
  const analysis = await openLocalAnalysis(configPath);
  const { stateDir, encryption } = analysis.config;
  const { db, repair, converted } = await openDatabase(stateDir, encryption);
  for (const said of [repair, converted]) if (said !== undefined) note(said);
  try {
    return await stoppable(async (signal) => {
      const results = await enrolAll(analysis, db, wanted, consent, signal);
      if (json) printJson(results);
      else for (const result of results) print(describe(result));
      return results.some(({ kind }) => kind === 'refused') ? EXIT_REFUSED : 0;
    });
  } finally {
    db.close();
    await analysis.release();
  }
}

type Consent = ReturnType<typeof consentFields>;

type PhotoResult = EnrolmentResult & { readonly photo: string; readonly name: string };

async function enrolAll(
  analysis: LocalAnalysis,
  db: Database,
  photos: readonly NamedPhoto[],
  consent: Consent,
  signal: AbortSignal,
): Promise<PhotoResult[]> {
  const { family, build } = analysis.engine;
  const store = new IdentityStore(db);
  const enrolment = new Enrolment(store, analysis.config);
  const enrol = (name: string, faces: readonly AnalysedFace[], origin: PhotoOrigin) => {
    const result = enrolment.enrol(name, faces, origin);
    if (result.kind !== 'refused') keepConsent(store, result.identity.id, consent);
    return result;
  };
  // One transaction a photo: wherever the command ends, nobody is in the gallery without consent.
  const transaction = db.transaction(enrol).immediate;
  const progress = startProgress('enrolling', photos.length);
  const results: PhotoResult[] = [];
  for (const [index, { name, path, refusal }] of photos.entries()) {
    signal.throwIfAborted();
    const found =
      refusal === undefined
        ? await analysis.analyse(path)
        : ({ ok: false, error: refusal } as const);
    const result: EnrolmentResult = found.ok
      ? orRefusal(() =>
          transaction(name, found.faces, { family, build, source: path, frame: found.frame }),
        )
      : { kind: 'refused', reason: found.error };
    results.push({ ...result, photo: path, name });
    progress(index + 1);
  }
  return results;
}

/** A file with a bad name says nothing about the other files of its folder. */
function orRefusal(enrol: () => EnrolmentResult): EnrolmentResult {
  try {
    return enrol();
  } catch (error) {
    if (!(error instanceof FaceEvalError) || error.code !== 'USAGE') throw error;
    const { message, hint } = error;
    return { kind: 'refused', reason: hint === undefined ? message : `${message}: ${hint}` };
  }
}

function describe(result: PhotoResult): string {
  if (result.kind === 'refused') return `refused   ${result.photo}: ${result.reason}`;
  if (result.kind === 'unchanged') return `unchanged ${result.photo}: ${result.reason}`;
  const warning = result.warning === undefined ? '' : `\n          note: ${result.warning}`;
  const quality = result.quality.toFixed(2);
  return `enrolled  ${result.photo} as ${result.identity.name} (quality ${quality})${warning}`;
}
