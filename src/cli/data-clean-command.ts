import Table from 'cli-table3';
import { type CleanReport, cleanSet } from '../dataset/clean.js';
import { CLEAN_REASONS } from '../dataset/judgement.js';
import { FaceEvalError } from '../domain/errors.js';
import { defineCommand } from './command.js';
import { declareFaceOptions, declareSet, noteNotMoved, runOnFaces } from './data-options.js';
import { print, printJson } from './output.js';
import { FRAMED } from './table.js';

/** Examples of each reason that are printed; the report has all. */
const SHOWN = 3;

export const command = defineCommand({
  declare: (yargs) =>
    declareFaceOptions(declareSet(yargs))
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'Move nothing; ends with 1 when something would be moved',
      })
      .option('keep', {
        type: 'string',
        array: true,
        choices: CLEAN_REASONS,
        default: [],
        describe: 'Let faults pass; the set comes first, or behind --',
      })
      .option('second-face', {
        type: 'number',
        default: 0,
        requiresArg: true,
        describe:
          'Size beside the largest face from which a further face counts, 0 to 1; 0: every face',
      })
      .option('odd-below', {
        type: 'number',
        requiresArg: true,
        describe:
          "Cosine to the identity's other images below which one is mislabelled; by the " +
          'measurements of the recogniser when absent',
      })
      .option('aligned', {
        type: 'boolean',
        default: false,
        describe: 'The images are aligned faces: compare them as they are, search no faces',
      })
      .example('$0 data clean data/lfw --dry-run', 'see what is wrong with a set')
      .example('$0 data clean data/lfw --second-face 0.6', 'let small faces in the background pass')
      .epilogue(
        'Images go to <set>.rejected/<reason>/<identity>/<n>.jpg; `faceeval data restore` brings ' +
          'them back. A run that was stopped goes on from <set>.faceeval/. ' +
          "The seed's tool: analysis_clear.py -source_root SET -cpu_num N.",
      ),
  run: (args) => {
    const { set, dryRun, keep, secondFace, oddBelow, aligned, json } = args;
    if (!(secondFace >= 0 && secondFace <= 1)) {
      throw new FaceEvalError('USAGE', '--second-face takes a number from 0 to 1', {
        hint: '0.5 lets faces pass that are less than half as large as the largest',
      });
    }
    if (oddBelow !== undefined && !(oddBelow >= -1 && oddBelow <= 1)) {
      throw new FaceEvalError('USAGE', '--odd-below takes a cosine from -1 to 1', {
        hint: '0.2 finds fewer odd images, 0.4 more',
      });
    }
    return runOnFaces(args, async (prepared) => {
      const report = await cleanSet({
        set,
        dryRun,
        keep: new Set(keep),
        secondFaceShare: secondFace,
        oddBelow,
        aligned,
        ...prepared,
      });
      if (json) printJson(report);
      else print(describe(report));
      noteNotMoved(report.notMoved);
      return dryRun && report.rejections.length > 0 ? 1 : 0;
    });
  },
});

function describe(report: CleanReport): string {
  const { images, identities, rejections, counts, seconds, dryRun } = report;
  const table = new Table({ head: ['reason', 'images', 'such as'], style: FRAMED });
  for (const reason of CLEAN_REASONS) {
    const some = rejections.filter((rejection) => rejection.reason === reason).slice(0, SHOWN);
    if (some.length === 0) continue;
    const examples = some.map(({ path, detail }) => `${path}: ${detail}`).join('\n');
    table.push([reason, counts[reason], examples]);
  }
  const where = dryRun ? 'would be moved to' : 'moved to';
  return [
    ...(rejections.length > 0 ? [table.toString()] : []),
    ...remarks(report),
    `${images} images of ${identities} identities in ${seconds.toFixed(0)} s` +
      (report.recalled > 0 ? `, ${report.recalled} of them known from an earlier run` : ''),
    rejections.length === 0
      ? 'nothing to move aside'
      : `${dryRun ? rejections.length : report.moved} ${where} ${report.rejectedTo}`,
    `report: ${report.set}.faceeval/clean-report.json`,
  ].join('\n');
}

/** What is reported and not moved: only a person can say. */
function remarks({ mixed, alike, strays }: CleanReport): string[] {
  const lines: string[] = [];
  const more = (count: number) => (count > SHOWN ? `, and ${count - SHOWN} more` : '');
  if (mixed.length > 0) {
    const names = mixed.slice(0, SHOWN).map(({ identity }) => identity);
    lines.push(`no majority agrees who they are: ${names.join(', ')}${more(mixed.length)}`);
  }
  if (alike.length > 0) {
    const pairs = alike
      .slice(0, SHOWN)
      .map(({ first, second, similarity }) => `${first} = ${second} (${similarity.toFixed(2)})`);
    lines.push(`perhaps one person: ${pairs.join(', ')}${more(alike.length)}`);
  }
  if (strays.length > 0) {
    lines.push(`left alone: ${strays.slice(0, SHOWN).join(', ')}${more(strays.length)}`);
  }
  return lines;
}
