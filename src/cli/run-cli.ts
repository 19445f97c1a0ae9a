import { closest } from 'fastest-levenshtein';
import yargs from 'yargs';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { programVersion } from '../domain/version.js';
import { type CommandEntry, declareGlobalOptions } from './command.js';
import { declareMarks, isParserError, markPositionals, refuseMistakes } from './command-line.js';
import { withOptionHint } from './option-hint.js';
import { note } from './output.js';
import { endProgress } from './progress.js';

/** Exit code of an error that nobody foresaw (EX_SOFTWARE). */
const EXIT_BUG = 70;

/**
 * Parses the command line, runs the command and prints what went wrong.
 *
 * @param given The command line without program and script.
 * @returns The exit code.
 */
export async function runCli(
  given: readonly string[],
  entries: readonly CommandEntry[],
): Promise<number> {
  const words = markPositionals(given);
  let exitCode = 0;
  const declared = declareMarks(declareGlobalOptions(yargs(words)))
    .scriptName('faceeval')
    .locale('en')
    .usage('$0 <command>: recognises faces in camera pictures and tells MQTT')
    .version(programVersion())
    .help()
    .demandCommand(1, 'give a command')
    .wrap(Math.min(100, process.stdout.columns ?? 100));
  const parser = refuseMistakes(declared, (message) => usageError(message, words, entries));
  for (const { usage, summary, load } of entries) {
    parser.command(
      usage,
      summary,
      async (sub) =>
        (await load()).command.declare(sub as never, (code) => {
          exitCode = code;
        }),
      async (args) => {
        exitCode = await (await load()).command.run(args);
      },
    );
  }
  try {
    await parser.parseAsync();
    return exitCode;
  } catch (thrown) {
    endProgress();
    // What yargs finds wrong while a command's module is loaded passes by its failure handler.
    const error = isParserError(thrown) ? usageError(thrown.message, words, entries) : thrown;
    const entry = entries.find(({ usage }) => nameOf(usage) === givenCommand(words));
    return reportFailure(await withOptionHint(error, entry), words.includes('--verbose'));
  }
}

function usageError(
  message: string,
  words: readonly string[],
  entries: readonly CommandEntry[],
): FaceEvalError {
  const names = entries.map(({ usage }) => nameOf(usage));
  const given = givenCommand(words);
  if (given !== undefined && !names.includes(given)) {
    return new FaceEvalError('USAGE', `there is no command "${given}"`, {
      hint: `did you mean ${closest(given, names)}? \`faceeval --help\` lists all commands`,
    });
  }
  const help = given === undefined ? 'faceeval --help' : `faceeval ${given} --help`;
  return new FaceEvalError('USAGE', firstLower(message), { hint: `\`${help}\` shows the options` });
}

const nameOf = (usage: string): string => usage.split(' ')[0] ?? usage;

function givenCommand(words: readonly string[]): string | undefined {
  return words.find((word, index) => !word.startsWith('-') && words[index - 1] !== '--config');
}

function firstLower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Prints an error for people and gives the exit code that belongs to it. */
export function reportFailure(error: unknown, verbose: boolean, program = 'faceeval'): number {
  if (error instanceof FaceEvalError) {
    note(`${program}: ${error.message}`);
    if (error.hint !== undefined) note(`  → ${error.hint}`);
    if (verbose) note(stackOf(error));
    return error.exitCode;
  }
  note(`${program}: unexpected error: ${messageOf(error)}`);
  note(verbose ? stackOf(error) : '  → this is a bug; --verbose shows where it happened');
  return EXIT_BUG;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
