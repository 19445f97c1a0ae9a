import type { Backup } from '../daemon/backups.js';
import { askGallery } from './ask-gallery.js';
import { defineCommand } from './command.js';
import { counted } from './counted.js';
import { needWord } from './need-word.js';
import { print, printJson } from './output.js';
import { table } from './table.js';
import { localTime } from './time-words.js';

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('action', {
        choices: ['list', 'create', 'restore'] as const,
        default: 'list' as const,
        describe: 'What to do',
      })
      .positional('name', {
        type: 'string',
        describe: 'Backup to restore; its beginning is enough',
      })
      .example('$0 backup create', 'copy the gallery now')
      .example('$0 backup restore 2026-11-24T03', 'go back to the gallery of that backup')
      .epilogue(
        'Backups hold people, photos, settings, and the strangers that somebody decided about; ' +
          'hits are not part of them. Restoring replaces the gallery in one step, also while the ' +
          'daemon runs, keeps a copy of what it replaces, and does not bring back who was forgotten.',
      ),
  run: async ({ config, json, action, name }) => {
    if (action === 'list') {
      const { answer } = await askGallery(config, 'backups', {});
      if (json) printJson(answer);
      else print(answer.length === 0 ? 'there is no backup yet' : listing(answer));
    } else if (action === 'create') {
      const { answer } = await askGallery(config, 'back-up', {});
      if (json) printJson(answer);
      else print(`${answer.path}: ${kilobytes(answer)}`);
    } else {
      const backup = needWord(name, 'the name of a backup', 'backup');
      const { answer } = await askGallery(config, 'restore', { backup });
      if (json) printJson(answer);
      else {
        const { restored, replaced, people } = answer;
        print(`the gallery is that of ${restored.name}: ${counted(people, 'person', 'people')}`);
        if (replaced !== null) print(`what it was before is in ${replaced.name}`);
      }
    }
  },
});

const kilobytes = ({ sizeBytes }: Backup): string => `${Math.ceil(sizeBytes / 1_000)} kB`;

function listing(backups: readonly Backup[]): string {
  return table(
    ['backup', 'made', 'size'],
    backups.map((backup) => [backup.name, localTime(backup.createdAtMs), kilobytes(backup)]),
  );
}
