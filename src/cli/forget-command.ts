import { basename } from 'node:path';
import type { ForgetReport } from '../daemon/forget.js';
import { askGallery } from './ask-gallery.js';
import { defineCommand } from './command.js';
import { note, print, printJson } from './output.js';

/** Exit code when something of the person is left. */
const EXIT_LEFT = 1;

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('person', { type: 'string', demandOption: true, describe: 'Name or id' })
      .example('$0 forget "Ann Lee"', 'erase Ann wholly, and prove it')
      .epilogue('Cannot be undone. Exit code 0 when nothing is left, 1 when something is.'),
  run: async ({ config, json, person }) => {
    const { answer, daemon } = await askGallery(config, 'forget', { person });
    if (json) printJson(answer);
    else print(proof(answer));
    if (!daemon) {
      note(
        'no daemon runs: retained MQTT topics and Home Assistant entities are cleared when it starts',
      );
    }
    return answer.complete ? 0 : EXIT_LEFT;
  },
});

function proof({ identity, erased, deletedFiles, searched, rowsLeft, complete }: ForgetReport) {
  const { templates, crops, hits, unsent, strangers } = erased;
  return [
    complete ? `${identity.name} is forgotten` : `something of ${identity.name} is left`,
    `  erased    ${templates} templates, ${crops} crops, ${hits} hits (${unsent} unsent), ` +
      `${strangers} strangers who look alike`,
    ...deletedFiles.map((path) => `  deleted   ${basename(path)}`),
    ...searched.map(({ path, sizeBytes, traces }) => {
      const found = traces === 0 ? 'nothing found' : `${traces} traces found`;
      return `  searched  ${basename(path)}, ${sizeBytes} bytes: ${found}`;
    }),
    `  asked     the database again: ${rowsLeft} rows about them`,
  ].join('\n');
}
