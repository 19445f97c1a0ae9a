import { CLEAN_REASONS } from '../dataset/judgement.js';
import { restoreSet } from '../dataset/restore.js';
import { defineCommand } from './command.js';
import { declareSet } from './data-options.js';
import { note, print, printJson } from './output.js';

export const command = defineCommand({
  declare: (yargs) =>
    declareSet(yargs)
      .option('reason', {
        type: 'string',
        array: true,
        choices: [...CLEAN_REASONS, 'too-few-images', 'split'] as const,
        describe: 'Only what was moved for this reason; everything when absent',
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'Move nothing' })
      .example('$0 data restore data/lfw --reason mislabelled', 'bring back what was no mistake')
      .epilogue(
        'Where another file has taken the place of an image, the image stays where it is and the ' +
          'command ends with 1.',
      ),
  run: async ({ set, reason, dryRun, json }) => {
    const report = await restoreSet({
      set,
      dryRun,
      ...(reason !== undefined && { reasons: new Set<string>(reason) }),
    });
    const { restored, blocked } = report;
    if (json) printJson(report);
    else {
      print(`${restored} images ${dryRun ? 'would be ' : ''}moved back`);
      for (const path of blocked) note(`not moved back, another file is there: ${path}`);
    }
    return blocked.length > 0 ? 1 : 0;
  },
});
