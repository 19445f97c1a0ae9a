import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { type Database, openDatabase } from '../daemon/database.js';
import { FaceEvalError } from '../domain/errors.js';
import {
  type Calibration,
  calibrate,
  type Expectation,
  expectationOf,
  LEAST_COMPARISONS,
  LEAST_IDENTITIES,
  RATES,
  type Rate,
  readCalibration,
  removeCalibration,
  saveCalibration,
} from '../gallery/calibration.js';
import { type GalleryDistances, measureDistances } from '../gallery/gallery-distances.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { buildsOf, loadManifest, thresholdAtFar } from '../models/manifest.js';
import { defineCommand } from './command.js';
import { note, print, printJson } from './output.js';
import { startProgress } from './progress.js';

/** Two people this far above the strictest published threshold are relatives, or one person. */
const TWIN_CLEARANCE = 0.15;

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .option('far', {
        type: 'number',
        choices: RATES,
        describe: 'False-accept rate of one comparison; recogniser.targetFar when absent',
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'Change nothing' })
      .option('reset', {
        type: 'boolean',
        default: false,
        describe: 'Go back to the published threshold',
      })
      .example('$0 calibrate --far 0.001', 'set the threshold from the people of the gallery'),
  run: async ({ config: path, json, far, dryRun, reset }) => {
    const { config } = loadConfig({ path });
    const { id, family } = recogniserOf(config);
    const { db, repair } = await openDatabase(config.stateDir, config.encryption);
    if (repair !== undefined) note(repair);
    try {
      if (reset) {
        const removed = removeCalibration(db, family);
        if (json) printJson({ family, removed });
        else print(removed ? 'the published threshold holds again' : 'nothing was calibrated');
        return 0;
      }
      const templates = new IdentityStore(db).templates(family);
      if (templates.length === 0) {
        throw new FaceEvalError('USAGE', `the gallery has no templates of ${family}`, {
          hint: 'faceeval enroll adds people',
        });
      }
      const published = publishedThresholds(id, config);
      const twinSimilarity = published[0.0001] + TWIN_CLEARANCE;
      const onProgress = startProgress('comparing', templates.length);
      const distances = measureDistances(templates, twinSimilarity, onProgress);
      const rate = far ?? config.recogniser.targetFar;
      const chosen = calibrate(distances, rate, published, Date.now());
      const expected = expectationOf(distances, chosen);
      const { twins } = distances;
      if (!dryRun) keep(db, family, chosen);
      const saved = !dryRun && chosen.basis !== 'published';
      const { threshold, targetFar } = config.recogniser;
      const inForce = threshold ?? readCalibration(db, family)?.threshold ?? published[targetFar];
      const report = { family, ...chosen, published: published[rate], expected, twins };
      if (json) printJson({ ...report, saved, inForce });
      else {
        print(headOf(chosen, published[rate]));
        if (inForce !== chosen.threshold) {
          const settable = chosen.basis === 'published' && threshold === null;
          const advice = settable ? `; recogniser.targetFar: ${rate} would set it` : '';
          print(`  not in force: ${inForce} is${advice}`);
        }
        print(expectationText(chosen, expected, distances));
      }
      if (config.recogniser.threshold !== null) {
        note('recogniser.threshold is set in the configuration and stands above the calibration');
      }
      return 0;
    } finally {
      db.close();
    }
  },
});

/** The build that is configured; the preferred one stands for its family. */
function recogniserOf(config: Config): { readonly id: string; readonly family: string } {
  const { build } = config.recogniser;
  const recognisers = buildsOf(loadManifest(config.models.dir), 'recogniser');
  const found = build === 'auto' ? recognisers[0] : recognisers.find(({ id }) => id === build);
  if (found !== undefined) return found;
  throw new FaceEvalError('MODEL', `there is no recogniser ${build} in the manifest`, {
    hint: `there is: ${recognisers.map(({ id }) => id).join(', ')}`,
  });
}

function publishedThresholds(buildId: string, { models }: Config): Record<Rate, number> {
  const at = (targetFar: Rate): number =>
    thresholdAtFar(buildId, { models, recogniser: { targetFar, threshold: null } });
  return { 0.01: at(0.01), 0.001: at(0.001), 0.0001: at(0.0001) };
}

/** What is only the published threshold is not kept: another build may bring another one. */
function keep(db: Database, family: string, chosen: Calibration): void {
  if (chosen.basis === 'published') removeCalibration(db, family);
  else saveCalibration(db, family, chosen);
}

const BASES = {
  gallery: 'from the distances of this gallery',
  'gallery-and-published':
    'from the distances of this gallery, and from the published ones where it has too few',
} as const;

function headOf(
  { threshold, far, basis, comparisons, identities }: Calibration,
  published: number,
): string {
  if (basis !== 'published') {
    return (
      `threshold ${threshold} for a false-accept rate of ${far} (published: ${published})\n` +
      `  ${BASES[basis]}`
    );
  }
  const few =
    identities < LEAST_IDENTITIES
      ? `${identities} people are too few to calibrate: ${LEAST_IDENTITIES} are the least`
      : `${comparisons} comparisons of ${identities} people are too few to calibrate: ` +
        `${LEAST_COMPARISONS} are the least`;
  return `threshold ${threshold} is published for a false-accept rate of ${far}\n  nothing is saved: ${few}`;
}

function expectationText(
  { comparisons, identities }: Calibration,
  expected: Expectation,
  { twins }: GalleryDistances,
): string {
  const percent = (share: number): string => `${Number((share * 100).toPrecision(2))} %`;
  const { recognisedRate, genuine, falseAcceptRateBelow, strangerNamedRate } = expected;
  return [
    `  ${comparisons} comparisons of ${identities} people: the rate is below ` +
      `${percent(falseAcceptRateBelow)} with 95 % confidence`,
    `  a stranger is taken for somebody of this gallery with a chance of ${percent(strangerNamedRate)}`,
    recognisedRate === null
      ? '  nobody has two photos: how many of the enrolled are recognised cannot be said'
      : `  ${percent(recognisedRate)} of ${genuine} photos match another one of the same person`,
    ...twins.map(
      ({ first, second, similarity }) =>
        `  left out: ${first.name} and ${second.name} look alike (${similarity.toFixed(2)}); ` +
        'are they two people?',
    ),
  ].join('\n');
}
