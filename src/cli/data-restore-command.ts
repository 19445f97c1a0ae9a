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
    const { restored, blocked, missing } = report;
    if (json) printJson(report);
    else {
      print(`${restored} images ${dryRun ? 'would be ' : ''}moved back`);
      for (const path of blocked) note(`not moved back, another file is there: ${path}`);
    }
    if (missing.length > 0) {
      note(
        `${missing.length} images are not where they were put, such as ${missing[0]}: attach that ` +
          `disk or bring them back, and give the command again; ${report.set}.faceeval lists them`,
      );
    }
    return blocked.length + missing.length > 0 ? 1 : 0;
  },
});
