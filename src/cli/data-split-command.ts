import { splitSet } from '../dataset/split.js';
import { defineCommand } from './command.js';
import { declareSet, noteNotMoved } from './data-options.js';
import { note, print, printJson } from './output.js';
import { requireWhole } from './whole-number.js';

export const command = defineCommand({
  declare: (yargs) =>
    declareSet(yargs)
      .option('images-per-identity', {
        type: 'number',
        demandOption: true,
        requiresArg: true,
        describe: 'Images of each identity to split off',
      })
      .option('to', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder of the part that is split off; <set>_split when absent',
      })
      .option('seed', {
        type: 'number',
        default: 1337,
        requiresArg: true,
        describe: 'Of the draw: the same seed draws the same images',
      })
      .option('copy', {
        type: 'boolean',
        default: false,
        describe: 'Leave the set whole and copy the images',
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'Move and copy nothing' })
      .example(
        '$0 data split data/my_set --images-per-identity 2 --to data/my_set_val',
        'hold two images of everybody back for validation',
      )
      .epilogue(
        'The set that stays is the training part (or gallery), the folder given by --to the ' +
          'validation part (or probes), in the same layout. Identities without an image to spare ' +
          'stay whole; `faceeval data restore` undoes it. ' +
          "The seed's tool: move_data.py -source_root SET -samples_num N.",
      ),
  run: async ({ set, imagesPerIdentity, to, seed, copy, dryRun, json }) => {
    requireWhole('images-per-identity', imagesPerIdentity, 1);
    requireWhole('seed', seed, 0);
    const target = to ?? `${set.replace(/\/+$/, '')}_split`;
    const report = await splitSet({
      set,
      to: target,
      imagesPerIdentity,
      seed,
      copy,
      dryRun,
      onNote: note,
    });
    noteNotMoved(report.notMoved);
    if (json) {
      printJson(report);
      return 0;
    }
    const verb = copy ? 'copied to' : 'moved to';
    const { images, identities, leftWhole } = report;
    print(
      `${images.length} images of ${identities} identities ${dryRun ? 'would be ' : ''}${verb} ${report.to}`,
    );
    if (leftWhole.length > 0) {
      print(`${leftWhole.length} identities have no image to spare and stay whole`);
    }
    return 0;
  },
});
