import { stringify } from 'yaml';
import { configJsonSchema } from '../config/json-schema.js';
import { loadConfig } from '../config/load.js';
import { maskSecrets } from '../config/mask.js';
import { configReference } from '../config/reference.js';
import { defineCommand } from './command.js';
import { print, printJson } from './output.js';

const ACTIONS = ['check', 'print', 'schema', 'reference'] as const;

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('action', {
        choices: ACTIONS,
        demandOption: true,
        describe:
          'check: find mistakes. print: show what holds, with defaults. ' +
          'schema: JSON Schema for editors. reference: the page docs/config.md',
      })
      .example('$0 config check --config faceeval.yaml', 'find mistakes in a file')
      .example('$0 config schema > faceeval.schema.json', 'completion in editors'),
  run: async ({ action, config: path, json }) => {
    if (action === 'schema') printJson(configJsonSchema());
    else if (action === 'reference') print(configReference().trimEnd());
    else if (action === 'check') checkConfig(path, json);
    else printConfig(path, json);
    return 0;
  },
});

function checkConfig(path: string | undefined, json: boolean): void {
  const loaded = loadConfig({ path });
  const variables = loaded.overrides.map(({ variable }) => variable);
  if (json) {
    printJson({ ok: true, file: loaded.path, overrides: variables });
    return;
  }
  const cameras = loaded.config.cameras.length;
  print(
    `${loaded.path ?? 'no file, defaults only'}: ok, ` +
      `${cameras === 1 ? '1 camera' : `${cameras} cameras`}`,
  );
  if (variables.length > 0) print(`overridden by ${variables.join(', ')}`);
}

function printConfig(path: string | undefined, json: boolean): void {
  const shown = maskSecrets(loadConfig({ path }).config);
  if (json) printJson(shown);
  else print(stringify(shown).trimEnd());
}
