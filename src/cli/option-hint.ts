import { nearest } from '../config/problems.js';
import { FaceEvalError } from '../domain/errors.js';
import { modelCommands, modelOptions } from '../manual/command-model.js';
import { type CommandEntry, declareGlobalOptions } from './command.js';

const UNKNOWN = /^unknown arguments?: (.+)$/;

/**
 * Adds which option was probably meant to an error about one that the command does not have.
 *
 * @param entry The command that was given.
 */
export async function withOptionHint(
  error: unknown,
  entry: CommandEntry | undefined,
): Promise<unknown> {
  if (!(error instanceof FaceEvalError) || error.code !== 'USAGE' || entry === undefined) {
    return error;
  }
  const unknown = UNKNOWN.exec(error.message)?.[1]?.split(', ') ?? [];
  if (unknown.length === 0) return error;
  const models = await modelCommands([entry]);
  const known = [modelOptions((yargs) => declareGlobalOptions(yargs)), ...models].flatMap(
    ({ options }) => options.map(({ name }) => name),
  );
  const meant = unknown.flatMap((given) => nearest(given, known) ?? []);
  if (meant.length === 0) return error;
  const options = [...new Set(meant)].map((name) => `--${name}`).join(', ');
  return new FaceEvalError('USAGE', error.message, {
    hint: `did you mean ${options}? ${error.hint ?? ''}`.trim(),
    cause: error,
  });
}
