import type { Argv } from 'yargs';
import type { AskOf } from '../control/request-schemas.js';
import { parseFuture } from './time-words.js';

interface ConsentArguments {
  readonly note?: string | undefined;
  readonly expires?: string | undefined;
}

/** Declares what is kept of a person's consent. */
export function declareConsent<T>(yargs: Argv<T>) {
  return yargs
    .option('note', {
      type: 'string',
      requiresArg: true,
      describe: 'What the person agreed to, in your words',
    })
    .option('expires', {
      type: 'string',
      requiresArg: true,
      describe: 'When to forget the person by itself: a date, 1y, 90d, or never',
    });
}

/** @throws FaceEvalError USAGE when the date is none, or past. */
export function consentFields({
  note,
  expires,
}: ConsentArguments): Pick<AskOf<'consent'>, 'note' | 'expiresAt'> {
  if (expires === undefined) return { note };
  return { note, expiresAt: expires === 'never' ? null : parseFuture(expires).toISOString() };
}
