import Table from 'cli-table3';
import { inspectFaces } from '../dataset/inspect-faces.js';
import {
  type FaceStats,
  type SetStats,
  type Spread,
  statFaces,
  statSet,
} from '../dataset/stats.js';
import { defineCommand } from './command.js';
import { declareFaceOptions, declareSet, runOnFaces } from './data-options.js';
import { print, printJson } from './output.js';
import { FRAMED } from './table.js';

/** Characters of the longest bar of the histogram. */
const BAR = 30;

export const command = defineCommand({
  declare: (yargs) =>
    declareFaceOptions(declareSet(yargs))
      .option('faces', {
        type: 'boolean',
        default: false,
        describe: 'Count the faces as well; what is found is kept for `clean`',
      })
      .example('$0 data stats data/lfw', 'what a set holds')
      .epilogue('The seed has no such tool.'),
  run: async (args) => {
    const stats = await statSet(args.set);
    if (!args.faces) {
      show(args.json, stats, undefined);
      return 0;
    }
    return runOnFaces(args, async (prepared) => {
      show(args.json, stats, statFaces(await inspectFaces(args.set, prepared)));
      return 0;
    });
  },
});

function show(json: boolean, stats: SetStats, faces: FaceStats | undefined): void {
  if (json) printJson(faces === undefined ? stats : { ...stats, faces });
  else print(describe(stats, faces));
}

function describe(stats: SetStats, faces: FaceStats | undefined): string {
  const table = new Table({ style: FRAMED });
  const types = Object.entries(stats.types).map(([type, count]) => `${count} ${type}`);
  const sizes = stats.sizes.map(({ size, images }) => `${images} of ${size}`);
  table.push(
    ['identities', stats.identities],
    ['images', stats.images],
    ...(stats.unlabelled > 0 ? [['without a label', stats.unlabelled]] : []),
    ['size', `${(stats.sizeBytes / 1e6).toFixed(1)} MB`],
    ['images an identity', spread(stats.imagesPerIdentity)],
    ['formats', types.join(', ')],
    ['width in pixels', spread(stats.widthPx)],
    ['height in pixels', spread(stats.heightPx)],
    ['frequent sizes', sizes.join(', ')],
    ...(stats.strays.length > 0 ? [['files out of place', stats.strays.length]] : []),
    ...(faces === undefined ? [] : faceRows(faces)),
  );
  return [table.toString(), ...histogram(stats)].join('\n');
}

function faceRows({ none, one, several, unreadable, facePx }: FaceStats) {
  return [
    ['faces', `none on ${none}, one on ${one}, several on ${several} images`],
    ['height of the largest face', spread(facePx)],
    ...(unreadable > 0 ? [['cannot be read', unreadable]] : []),
  ];
}

function spread(values: Spread | null): string {
  if (values === null) return '–';
  const { min, median, mean, max } = values;
  return `${min} to ${max}, median ${median}, mean ${mean}`;
}

function histogram({ histogram: classes }: SetStats): string[] {
  const most = Math.max(1, ...classes.map(({ identities }) => identities));
  return classes.map(({ from, to, identities }) => {
    const range = to === null ? `${from}+` : from === to ? `${from}` : `${from}–${to}`;
    const bar = '█'.repeat(Math.ceil((BAR * identities) / most));
    return `${range.padStart(9)} images  ${bar} ${identities}`;
  });
}
