import { pruneSet } from '../dataset/prune.js';
import { defineCommand } from './command.js';
import { declareSet, noteNotMoved } from './data-options.js';
import { note, print, printJson } from './output.js';
import { requireWhole } from './whole-number.js';

export const command = defineCommand({
  declare: (yargs) =>
    declareSet(yargs)
      .option('min-images', {
        type: 'number',
        demandOption: true,
        requiresArg: true,
        describe: 'Identities with fewer images go',
      })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'Move nothing; ends with 1 when something would be moved',
      })
      .example('$0 data prune data/lfw_align --min-images 4', 'keep people with 4 images and more')
      .epilogue(
        'Identities go to <set>.rejected/too-few-images/; `faceeval data restore` brings them ' +
          "back. The seed's tool: remove_low-shot.py -root SET -min_num N, which deletes those " +
          'with exactly N images as well: its N is --min-images N+1 here.',
      ),
  run: async ({ set, minImages, dryRun, json }) => {
    requireWhole('min-images', minImages, 1);
    const report = await pruneSet({ set, minImages, dryRun, onNote: note });
    const { pruned, notMoved, kept, rejectedTo } = report;
    noteNotMoved(notMoved);
    if (json) printJson(report);
    else {
      const images = pruned.reduce((sum, one) => sum + one.images, 0);
      const where = dryRun ? 'would be moved to' : 'moved to';
      print(
        [
          pruned.length + notMoved.length === 0
            ? `every identity has ${minImages} images or more`
            : `${pruned.length} identities (${images} images) ${where} ${rejectedTo}`,
          `${kept.identities} identities with ${kept.images} images stay`,
        ].join('\n'),
      );
    }
    return dryRun && pruned.length > 0 ? 1 : 0;
  },
});
