import Table from 'cli-table3';
import { loadConfig } from '../config/load.js';
import { openDatabase } from '../daemon/database.js';
import { FaceEvalError } from '../domain/errors.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { defineCommand } from './command.js';
import { print, printJson } from './output.js';

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('action', {
        choices: ['list', 'rename', 'remove'] as const,
        default: 'list' as const,
        describe: 'What to do',
      })
      .positional('name', { type: 'string', describe: 'Whom to rename or remove' })
      .positional('newName', { type: 'string', describe: 'The new name' })
      .example('$0 identities', 'who is in the gallery')
      .example('$0 identities rename "Ann" "Ann Lee"', 'give another name')
      .example('$0 identities remove "Ann Lee"', 'forget somebody with all photos'),
  run: async ({ config: path, json, action, name, newName }) => {
    const { config } = loadConfig({ path });
    const { db } = await openDatabase(config.stateDir, config.encryption);
    try {
      const store = new IdentityStore(db);
      if (action === 'list') {
        const people = store.list();
        if (json) printJson(people);
        else if (people.length === 0) print('the gallery is empty: faceeval enroll adds people');
        else print(tableOf(people));
      } else if (action === 'rename') {
        const identity = store.rename(need(name, 'a name'), need(newName, 'the new name'));
        if (json) printJson(identity);
        else print(`${name} is ${identity.name} now`);
      } else {
        const identity = store.remove(need(name, 'a name'));
        if (json) printJson({ removed: identity });
        else print(`${identity.name} was removed with all photos`);
      }
      return 0;
    } finally {
      db.close();
    }
  },
});

function need(value: string | undefined, what: string): string {
  if (value !== undefined) return value;
  throw new FaceEvalError('USAGE', `${what} is missing`, { hint: 'faceeval identities --help' });
}

function tableOf(people: ReturnType<IdentityStore['list']>): string {
  const table = new Table({ head: ['name', 'photos', 'since', 'id'] });
  for (const { name, templates, createdAtMs, id } of people) {
    table.push([name, templates, new Date(createdAtMs).toISOString().slice(0, 10), id]);
  }
  return table.toString();
}
