import { openDatabase } from '../daemon/database.js';
import { FaceEvalError } from '../domain/errors.js';
import { Enrolment, type EnrolmentResult } from '../gallery/enrolment.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { defineCommand } from './command.js';
import { type LocalAnalysis, openLocalAnalysis } from './local-analysis.js';
import { note, print, printJson } from './output.js';
import { listNamedPhotos, type NamedPhoto } from './photo-files.js';
import { startProgress } from './progress.js';

/** Exit code when some photos were refused. */
const EXIT_REFUSED = 1;

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('name', { type: 'string', describe: 'Who the photos show' })
      .positional('photos', { type: 'string', array: true, describe: 'Photos of this person' })
      .option('from', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder with Name.jpg files, or a folder of photos for each name',
      })
      .example('$0 enroll "Ann Lee" ann1.jpg ann2.jpg', 'enrol one person')
      .example('$0 enroll --from FaceDatabase', 'enrol everybody of a folder')
      .epilogue('Exit code 0 when every photo was taken, 1 when some were refused.'),
  run: async ({ config: path, json, name, photos, from }) => {
    const wanted = photosOf(name, photos, from);
    const analysis = await openLocalAnalysis(path);
    const { stateDir, encryption } = analysis.config;
    const { db, repair } = await openDatabase(stateDir, encryption);
    if (repair !== undefined) note(repair);
    try {
      const store = new IdentityStore(db);
      const results = await enrolAll(analysis, new Enrolment(store, analysis.config), wanted);
      if (json) printJson(results);
      else for (const result of results) print(describe(result));
      return results.some(({ kind }) => kind === 'refused') ? EXIT_REFUSED : 0;
    } finally {
      db.close();
      await analysis.release();
    }
  },
});

function photosOf(
  name: string | undefined,
  photos: readonly string[] | undefined,
  from: string | undefined,
): NamedPhoto[] {
  if (from !== undefined && name === undefined) return listNamedPhotos(from);
  if (from === undefined && name !== undefined && photos !== undefined && photos.length > 0) {
    return photos.map((photo) => ({ name, path: photo }));
  }
  throw new FaceEvalError('USAGE', 'give a name and photos, or --from with a folder', {
    hint: 'faceeval enroll "Ann Lee" ann.jpg, or faceeval enroll --from FaceDatabase',
  });
}

type PhotoResult = EnrolmentResult & { readonly photo: string; readonly name: string };

async function enrolAll(
  analysis: LocalAnalysis,
  enrolment: Enrolment,
  photos: readonly NamedPhoto[],
): Promise<PhotoResult[]> {
  const { family, build } = analysis.engine;
  const progress = startProgress('enrolling', photos.length);
  const results: PhotoResult[] = [];
  for (const [index, { name, path }] of photos.entries()) {
    const found = await analysis.analyse(path);
    const result: EnrolmentResult = found.ok
      ? enrolment.enrol(name, found.faces, { family, build, source: path, frame: found.frame })
      : { kind: 'refused', reason: found.error };
    results.push({ ...result, photo: path, name });
    progress(index + 1);
  }
  return results;
}

function describe(result: PhotoResult): string {
  if (result.kind === 'refused') return `refused   ${result.photo}: ${result.reason}`;
  if (result.kind === 'unchanged') return `unchanged ${result.photo}: ${result.reason}`;
  const warning = result.warning === undefined ? '' : `\n          note: ${result.warning}`;
  const quality = result.quality.toFixed(2);
  return `enrolled  ${result.photo} as ${result.identity.name} (quality ${quality})${warning}`;
}
