import { loadConfig } from '../config/load.js';
import { openDatabase } from '../daemon/database.js';
import { programVersion } from '../domain/version.js';
import { writeArchive } from '../gallery/archive-file.js';
import { exportGallery } from '../gallery/gallery-export.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { defineCommand } from './command.js';
import { note, print, printJson } from './output.js';

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('name', { type: 'string', describe: 'Only this person, with all that is known' })
      .option('out', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'Archive to write; must not exist',
      })
      .example('$0 export --out gallery.tar', 'take the gallery to another device')
      .example('$0 export "Ann Lee" --out ann.tar', 'everything that is known of one person'),
  run: async ({ config: path, json, name, out }) => {
    const { config } = loadConfig({ path });
    const { db, repair } = await openDatabase(config.stateDir, config.encryption);
    if (repair !== undefined) note(repair);
    try {
      const identity = name === undefined ? undefined : new IdentityStore(db).require(name);
      const made = exportGallery(db, { identity, program: programVersion(), nowMs: Date.now() });
      const { identities, templates, crops, hits } = made;
      const sizeBytes = await writeArchive(out, made.files);
      if (json) printJson({ path: out, sizeBytes, identities, templates, crops, hits });
      else {
        const whose = identity === undefined ? `${identities} people` : identity.name;
        print(`${out}: ${whose}, ${templates} templates, ${crops} crops, ${hits} hits`);
        note('it holds faces: keep it where only you can read it');
      }
      return 0;
    } finally {
      db.close();
    }
  },
});
