import { FaceEvalError } from '../domain/errors.js';
import type { Correction } from '../hits/corrections.js';
import { askGallery } from './ask-gallery.js';
import { defineCommand } from './command.js';
import { counted } from './counted.js';
import { hitLine, whoOf } from './hit-line.js';
import { needWord } from './need-word.js';
import { print, printJson } from './output.js';
import { localTime, parsePast } from './time-words.js';

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('action', {
        choices: ['list', 'show', 'wrong'] as const,
        default: 'list' as const,
        describe: 'What to do',
      })
      .positional('hit', { type: 'string', describe: 'Id of a hit, or last' })
      .option('is', { type: 'string', requiresArg: true, describe: 'With wrong: who it was' })
      .option('limit', {
        type: 'number',
        default: 20,
        requiresArg: true,
        describe: 'With list: how many, newest first',
      })
      .option('camera', { type: 'string', requiresArg: true, describe: 'Only of this camera' })
      .option('person', { type: 'string', requiresArg: true, describe: 'Only of this person' })
      .option('since', {
        type: 'string',
        requiresArg: true,
        describe: 'Only since a date, or so long ago (2h, 7d)',
      })
      .example('$0 hits --person "Ann Lee" --since 7d', 'when Ann was seen this week')
      .example('$0 hits show last', 'everything about the newest hit')
      .example('$0 hits wrong last', 'nobody known: the gallery learns from it')
      .example('$0 hits wrong 01JD… --is "Ann Lee"', 'it was Ann'),
  run: async ({ config, json, action, hit, is, limit, camera, person, since }) => {
    if (action !== 'wrong' && is !== undefined) {
      throw new FaceEvalError('USAGE', '--is belongs to `faceeval hits wrong`');
    }
    if (action === 'list') {
      const from = since === undefined ? undefined : parsePast(since).toISOString();
      const filter = { limit, camera, person, since: from };
      const { answer } = await askGallery(config, 'hits', filter);
      if (json) printJson(answer);
      else if (answer.length === 0) print('no such hits are kept');
      else {
        for (const { hit: one, identity, unsent } of answer) {
          print(`${one.id}  ${hitLine(one, identity)}${unsent ? ' (not sent yet)' : ''}`);
        }
      }
      return;
    }
    const id = await hitId(config, needWord(hit, 'the id of a hit', 'hits'));
    if (action === 'show') await show(config, json, id);
    else await correct(config, json, id, is);
  },
});

async function hitId(config: string | undefined, given: string): Promise<string> {
  if (given !== 'last') return given;
  const [newest] = (await askGallery(config, 'hits', { limit: 1 })).answer;
  if (newest !== undefined) return newest.hit.id;
  throw new FaceEvalError('USAGE', 'there is no hit yet');
}

async function show(config: string | undefined, json: boolean, id: string): Promise<void> {
  const { answer } = await askGallery(config, 'hit', { hit: id });
  if (json) {
    printJson(answer);
    return;
  }
  const { hit, identity, correction, evidence } = answer;
  const { margin, shots, quality, box, frame, model, latencyMs, track, liveness } = hit;
  print(hitLine(hit, identity));
  print(
    `  margin ${margin.toFixed(2)}, ${counted(shots, 'shot')}, best quality ${quality.toFixed(2)}`,
  );
  if (liveness !== undefined) print(`  liveness ${liveness.toFixed(2)}`);
  print(
    `  face ${box.width}×${box.height} at ${box.x},${box.y} of ${frame.width}×${frame.height}, ` +
      `track ${track}, ${model}`,
  );
  print(`  ${latencyMs.total} ms from capture to decision`);
  if (correction !== null) print(`  corrected: ${correction}`);
  print(evidence ? '  its face can be learnt from' : '  nothing of its face is kept');
}

async function correct(
  config: string | undefined,
  json: boolean,
  hit: string,
  is: string | undefined,
): Promise<void> {
  const { answer } = await askGallery(config, 'correct-hit', { hit, is });
  if (json) printJson(answer);
  else print(learnt(answer));
}

function learnt({ hit, identity, stranger, added, removed }: Correction): string {
  const at = `${localTime(Date.parse(hit.time))} at ${hit.camera}`;
  const counts = `${counted(added, 'template')} gained, ${removed} removed`;
  if (identity !== null) return `the hit of ${at} is ${identity.name}: ${counts}`;
  const remembered = stranger === undefined ? '' : `; who looks like it is ${stranger.label}`;
  return `the hit of ${at} is not ${whoOf(hit)}: ${counts}${remembered}`;
}
