import { writeFileSync } from 'node:fs';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { StrangerSummary } from '../gallery/stranger-admin.js';
import { askGallery } from './ask-gallery.js';
import { defineCommand } from './command.js';
import { counted } from './counted.js';
import { needWord } from './need-word.js';
import { note, print, printJson } from './output.js';
import { table } from './table.js';
import { localTime } from './time-words.js';

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('action', {
        choices: ['list', 'show', 'name', 'merge', 'ignore', 'remove'] as const,
        default: 'list' as const,
        describe: 'What to do',
      })
      .positional('stranger', { type: 'string', describe: 'Number (7), label or id' })
      .positional('to', { type: 'string', describe: 'The name, or the stranger to merge into' })
      .option('undo', { type: 'boolean', default: false, describe: 'With ignore: no longer' })
      .option('out', {
        type: 'string',
        requiresArg: true,
        describe: 'With show: file for the picture, a JPEG',
      })
      .example('$0 strangers', 'who was seen that nobody knows')
      .example('$0 strangers show 7 --out seven.jpg', 'what #7 looks like')
      .example('$0 strangers name 7 "Ann Lee"', 'enrol #7; what was seen of her gets her name')
      .example('$0 strangers merge 9 7', '#9 and #7 are one person')
      .example('$0 strangers ignore 3', 'never report #3 again: the postman, a poster'),
  run: async ({ config, json, action, stranger, to, undo, out }) => {
    if (action === 'list') {
      const { answer } = await askGallery(config, 'strangers', {});
      if (json) printJson(answer);
      else print(answer.length === 0 ? 'no strangers are kept' : listing(answer));
      return;
    }
    const who = needWord(stranger, 'the number of a stranger', 'strangers');
    const { result, said } = await change(config, action, who, { to, undo, out });
    if (json) printJson(result);
    else print(said);
  },
});

type Change = 'show' | 'name' | 'merge' | 'ignore' | 'remove';

interface ChangeOptions {
  readonly to: string | undefined;
  readonly undo: boolean;
  readonly out: string | undefined;
}

async function change(
  config: string | undefined,
  action: Change,
  stranger: string,
  { to, undo, out }: ChangeOptions,
): Promise<{ result: unknown; said: string }> {
  switch (action) {
    case 'show':
      return show(config, stranger, needWord(out, '--out with a file name', 'strangers'));
    case 'name': {
      const name = needWord(to, 'the name', 'strangers');
      const { answer } = await askGallery(config, 'name-stranger', { stranger, name });
      const { identity, templates, hits } = answer;
      return {
        result: answer,
        said: `${identity.name}: ${counted(templates, 'template')} gained, ${counted(hits, 'hit')} relabelled`,
      };
    }
    case 'merge': {
      const into = needWord(to, 'the stranger to merge into', 'strangers');
      const { answer } = await askGallery(config, 'merge-strangers', { stranger, into });
      return { result: answer, said: `${stranger} is ${answer.label} now` };
    }
    case 'ignore': {
      const { answer } = await askGallery(config, 'ignore-stranger', { stranger, on: !undo });
      const how = undo ? 'reported again' : 'never reported again';
      return { result: answer, said: `${answer.label} is ${how}` };
    }
    case 'remove': {
      const { answer } = await askGallery(config, 'remove-stranger', { stranger });
      return { result: answer, said: `${answer.label} was removed with all pictures` };
    }
  }
}

async function show(config: string | undefined, stranger: string, out: string) {
  const { answer } = await askGallery(config, 'stranger', { stranger });
  const { cropJpeg, label, id } = answer;
  if (cropJpeg === null) {
    throw new FaceEvalError('USAGE', `no picture is kept of ${label}`, {
      hint: 'with gallery.keepCrops: true there is one of whoever is seen from then on',
    });
  }
  try {
    writeFileSync(out, Buffer.from(cropJpeg, 'base64'), { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    throw new FaceEvalError('USAGE', `${out} cannot be written: ${messageOf(cause)}`, { cause });
  }
  note('it is a face: delete it when you have seen it');
  return { result: { id, label, path: out }, said: `${out}: ${label}` };
}

function listing(strangers: readonly StrangerSummary[]): string {
  return table(
    ['stranger', 'sightings', 'first seen', 'last seen', 'shots', ''],
    strangers.map(({ label, sightings, firstSeenAtMs, lastSeenAtMs, shots, anchor }) => [
      ...[label, sightings, localTime(firstSeenAtMs), localTime(lastSeenAtMs), shots],
      anchor === 'corrected' ? 'taken for somebody once' : (anchor ?? ''),
    ]),
  );
}
