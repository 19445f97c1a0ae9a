import Table from 'cli-table3';
import { type AlignReport, alignSet } from '../dataset/align.js';
import { defineCommand } from './command.js';
import { declareFaceOptions, declareSet, runOnFaces } from './data-options.js';
import { print, printJson } from './output.js';
import { FRAMED } from './table.js';
import { requireWhole } from './whole-number.js';

const SHOWN = 3;

export const command = defineCommand({
  declare: (yargs) =>
    declareFaceOptions(
      declareSet(yargs).positional('out', {
        type: 'string',
        demandOption: true,
        describe: 'Folder of the new set',
      }),
    )
      .option('size', {
        type: 'number',
        choices: [112, 224] as const,
        default: 112 as const,
        describe: 'Side of a face in pixels',
      })
      .option('template', {
        type: 'string',
        choices: ['arcface', 'seed-demo'] as const,
        default: 'arcface' as const,
        describe:
          'Where eyes, nose and mouth go: as ArcFace-type models are trained, or 8 px further left ' +
          "as the seed's demo has them",
      })
      .option('faces', {
        type: 'string',
        choices: ['largest', 'central'] as const,
        default: 'largest' as const,
        describe: 'Which face of several is taken',
      })
      .option('only-single', {
        type: 'boolean',
        default: false,
        describe: 'Leave out images with several faces',
      })
      .option('quality', {
        type: 'number',
        default: 95,
        requiresArg: true,
        describe: 'JPEG quality, 1 to 100',
      })
      .example('$0 data align data/lfw data/lfw_align', 'make a set to train with')
      .example('$0 data align data/lfw data/lfw_224 --size 224 --faces central', 'larger faces')
      .epilogue(
        'A run that was stopped goes on from <out>.faceeval/. ' +
          "The seed's tool: face_align.py -source_root SET -dest_root OUT.",
      ),
  run: (args) => {
    const { set, out, size, template, faces, onlySingle, quality, json } = args;
    requireWhole('quality', quality, 1, 100);
    return runOnFaces(args, async (prepared) => {
      const report = await alignSet({
        set,
        out,
        settings: {
          sidePx: size,
          template,
          choose: onlySingle ? 'single' : faces,
          jpegQuality: quality,
        },
        ...prepared,
      });
      if (json) printJson(report);
      else print(describe(report));
      return report.aligned > 0 ? 0 : 1;
    });
  },
});

function describe(report: AlignReport): string {
  const { images, aligned, chosenOfSeveral, recalled, removed, leftOut, seconds, out } = report;
  const table = new Table({ head: ['left out', 'images', 'such as'], style: FRAMED });
  for (const kind of ['unreadable', 'no-face', 'several-faces'] as const) {
    const some = leftOut.filter(({ reason }) => reason === kind);
    const examples = some.slice(0, SHOWN).map(({ path, detail }) => `${path}: ${detail}`);
    if (some.length > 0) table.push([kind, some.length, examples.join('\n')]);
  }
  return [
    ...(leftOut.length > 0 ? [table.toString()] : []),
    `${aligned} of ${images} images aligned in ${seconds.toFixed(0)} s` +
      (recalled > 0 ? `, ${recalled} of them in an earlier run` : ''),
    ...(chosenOfSeveral > 0 ? [`on ${chosenOfSeveral} of them one face of several was taken`] : []),
    ...(removed > 0 ? [`${removed} faces of an earlier run removed: their images are gone`] : []),
    `set: ${out}`,
    `report: ${out}.faceeval/align-report.json`,
  ].join('\n');
}
