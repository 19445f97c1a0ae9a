import { basename } from 'node:path';
import type { ForgetReport } from '../daemon/forget.js';
import type { BrokerRemains } from '../mqtt/remains.js';
import { askGallery } from './ask-gallery.js';
import { defineCommand } from './command.js';
import { counted } from './counted.js';
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
    const { broker }: Proof = answer;
    if (!daemon) {
      note(
        'no daemon runs: retained MQTT topics and Home Assistant entities are cleared when it starts',
      );
    }
    return answer.complete && (broker?.topics ?? []).length === 0 ? 0 : EXIT_LEFT;
  },
});

/** A daemon asks the broker as well. */
type Proof = ForgetReport & { readonly broker?: BrokerRemains };

function proof({ identity, erased, deletedFiles, searched, rowsLeft, complete, broker }: Proof) {
  const { templates, crops, hits, unsent, strangers } = erased;
  return [
    complete ? `${identity.name} is forgotten` : `something of ${identity.name} is left`,
    `  erased    ${counted(templates, 'template')}, ${counted(crops, 'crop')}, ` +
      `${counted(hits, 'hit')} (${unsent} unsent), ${counted(strangers, 'stranger')} looking alike`,
    ...deletedFiles.map((path) => `  deleted   ${basename(path)}`),
    ...searched.map(({ path, sizeBytes, traces }) => {
      const found = traces === 0 ? 'nothing found' : `${counted(traces, 'trace')} found`;
      return `  searched  ${basename(path)}, ${sizeBytes} bytes: ${found}`;
    }),
    `  asked     the database again: ${counted(rowsLeft, 'row')} about them`,
    ...(broker === undefined ? [] : [`  asked     the broker: ${brokerWords(broker)}`]),
  ].join('\n');
}

function brokerWords({ asked, reason, topics }: BrokerRemains): string {
  if (!asked) return `not reached (${reason}); its topics are cleared when it is back`;
  if (topics.length === 0) return 'no retained message and no entity names them';
  return `${topics.join(', ')} still name them`;
}
