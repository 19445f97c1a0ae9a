import { loadConfig } from '../config/load.js';
import { openDatabase } from '../daemon/database.js';
import { readArchive } from '../gallery/archive-file.js';
import { ForgottenLedger } from '../gallery/forgotten.js';
import { type ImportReport, importGallery } from '../gallery/gallery-import.js';
import { defineCommand } from './command.js';
import { note, print, printJson } from './output.js';

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('archive', { type: 'string', demandOption: true, describe: 'What export wrote' })
      .option('merge', {
        type: 'boolean',
        default: false,
        describe: 'Whoever has the name of somebody in the gallery is the same person',
      })
      .example('$0 import gallery.tar', 'add the people of another device'),
  run: async ({ config: path, json, archive, merge }) => {
    const { config } = loadConfig({ path });
    const files = await readArchive(archive);
    const { db, repair } = await openDatabase(config.stateDir, config.encryption);
    if (repair !== undefined) note(repair);
    try {
      const report = importGallery(db, files, {
        ...{ path: archive, merge, nowMs: Date.now() },
        forgotten: new ForgottenLedger(config.stateDir).ids(),
      });
      if (json) printJson(report);
      else print(describe(report));
      return 0;
    } finally {
      db.close();
    }
  },
});

function describe({ added, present, expired, forgotten }: ImportReport): string {
  return [
    `added ${added.identities} people with ${added.templates} templates`,
    ...(present.templates > 0 ? [`${present.templates} templates were there already`] : []),
    ...(expired.length > 0 ? [`left out, their time is over: ${expired.join(', ')}`] : []),
    ...(forgotten.length > 0 ? [`left out, they were forgotten: ${forgotten.join(', ')}`] : []),
  ].join('\n');
}
