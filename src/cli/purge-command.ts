import { askGallery } from './ask-gallery.js';
import { defineCommand } from './command.js';
import { counted } from './counted.js';
import { print, printJson } from './output.js';
import { localTime, parsePast } from './time-words.js';

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .option('older-than', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'A span (30d, 12h) or a date (2026-11-01)',
      })
      .example('$0 purge --older-than 30d', 'delete hits and strangers of more than 30 days ago')
      .epilogue(
        'People of the gallery stay, as do strangers that are ignored. Hits that wait for the ' +
          'broker stay until they were sent. What is deleted is overwritten in the files.',
      ),
  run: async ({ config, json, olderThan }) => {
    const before = parsePast(olderThan);
    const { answer } = await askGallery(config, 'purge', { before: before.toISOString() });
    if (json) printJson(answer);
    else {
      const { hits, strangers, unsent, copies } = answer;
      print(
        `before ${localTime(before)}: ${counted(hits, 'hit')} and ` +
          `${counted(strangers, 'stranger')} deleted`,
      );
      if (copies > 0) print(`${counted(copies, 'copy', 'copies')} of before an upgrade deleted`);
      if (unsent > 0) print(`not deleted, as they were not sent yet: ${counted(unsent, 'hit')}`);
    }
  },
});
