import { FaceEvalError } from '../domain/errors.js';

/**
 * A positional that an action cannot do without.
 *
 * @param what `a name`
 * @throws FaceEvalError USAGE when it was not given.
 */
export function needWord(value: string | undefined, what: string, command: string): string {
  if (value !== undefined && value !== '') return value;
  throw new FaceEvalError('USAGE', `${what} is missing`, {
    hint: `\`faceeval ${command} --help\` shows how it is used`,
  });
}
