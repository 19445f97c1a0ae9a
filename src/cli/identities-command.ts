import type { AskOf } from '../control/request-schemas.js';
import type { IdentitySummary } from '../gallery/identity-store.js';
import type { PersonDetails } from '../gallery/person-details.js';
import { askGallery } from './ask-gallery.js';
import { defineCommand } from './command.js';
import { consentFields, declareConsent } from './consent-options.js';
import { needWord } from './need-word.js';
import { note, print, printJson } from './output.js';
import { table } from './table.js';
import { localDay, localTime } from './time-words.js';

const ACTIONS = ['list', 'show', 'rename', 'consent', 'remove', 'remove-template'] as const;

export const command = defineCommand({
  declare: (yargs) =>
    declareConsent(
      yargs
        .positional('action', {
          choices: ACTIONS,
          default: 'list' as const,
          describe: 'What to do',
        })
        .positional('name', { type: 'string', describe: 'Whom it is about: name or id' })
        .positional('value', { type: 'string', describe: 'The new name, or the id of a template' }),
    )
      .example('$0 identities', 'who is in the gallery')
      .example('$0 identities show "Ann Lee"', 'templates, consent, expiry, hits')
      .example('$0 identities rename "Ann" "Ann Lee"', 'give another name')
      .example('$0 identities consent Ann --note "asked, 24 Nov" --expires 1y', 'keep the consent')
      .example('$0 identities remove "Ann Lee"', 'take somebody out of the gallery'),
  run: async ({ config, json, action, name, value, ...consent }) => {
    const { result, said } = await act(config, action, name, value, consentFields(consent));
    if (json) printJson(result);
    else print(said);
  },
});

async function act(
  config: string | undefined,
  action: (typeof ACTIONS)[number],
  name: string | undefined,
  value: string | undefined,
  consent: Pick<AskOf<'consent'>, 'note' | 'expiresAt'>,
): Promise<{ result: unknown; said: string }> {
  if (action === 'list') {
    const { answer } = await askGallery(config, 'people', {});
    const empty = 'the gallery is empty: faceeval enroll adds people';
    return { result: answer, said: answer.length === 0 ? empty : listing(answer) };
  }
  const person = needWord(name, 'a name', 'identities');
  switch (action) {
    case 'show': {
      const { answer } = await askGallery(config, 'person', { person });
      return { result: answer, said: details(answer) };
    }
    case 'rename': {
      const wanted = needWord(value, 'the new name', 'identities');
      const { answer } = await askGallery(config, 'rename', { person, name: wanted });
      return { result: answer, said: `${person} is ${answer.name} now` };
    }
    case 'consent': {
      const { answer } = await askGallery(config, 'consent', { person, ...consent });
      return { result: answer, said: consentWords(answer).join('\n') };
    }
    case 'remove': {
      const { answer } = await askGallery(config, 'remove-person', { person });
      note(`hits and backups still know of them: \`faceeval forget\` erases everything`);
      return { result: { removed: answer }, said: `${answer.name} was removed with all photos` };
    }
    case 'remove-template': {
      const template = needWord(value, 'the id of a template', 'identities');
      const { answer } = await askGallery(config, 'remove-template', { person, template });
      return { result: answer, said: details(answer) };
    }
  }
}

function listing(people: readonly IdentitySummary[]): string {
  return table(
    ['name', 'photos', 'since', 'until', 'id'],
    people.map(({ name, templates, createdAtMs, expiresAtMs, id }) => [
      ...[name, templates, localDay(createdAtMs)],
      expiresAtMs === null ? '' : localDay(expiresAtMs),
      id,
    ]),
  );
}

function details(person: PersonDetails): string {
  const { name, id, createdAtMs, templateList, hits, lastHitAtMs } = person;
  const last = lastHitAtMs === null ? '' : `, the last ${localTime(lastHitAtMs)}`;
  return [
    `${name} (${id}), enrolled ${localTime(createdAtMs)}`,
    `hits kept: ${hits}${last}`,
    ...consentWords(person),
    table(
      ['template', 'quality', 'model', 'crop', 'source'],
      templateList.map(({ id: template, quality, build, crop, source }) => [
        ...[template, quality.toFixed(2), build, crop ? 'kept' : 'none', source],
      ]),
    ),
  ].join('\n');
}

function consentWords({ consentNote, expiresAtMs }: PersonDetails): string[] {
  return [
    `consent: ${consentNote ?? 'nothing noted'}`,
    `is forgotten: ${expiresAtMs === null ? 'never by itself' : localTime(expiresAtMs)}`,
  ];
}
