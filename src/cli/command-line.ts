import type { Argv } from 'yargs';
import type { FaceEvalError } from '../domain/errors.js';

/**
 * Lets a parser refuse what is not meant for it: unknown options, a value that is missing or no
 * number, an option given twice. It throws instead of ending the program.
 *
 * @param usageError Makes the error that the user sees of what the parser says.
 */
export function refuseMistakes<T>(
  parser: Argv<T>,
  usageError: (message: string) => FaceEvalError,
): Argv<T> {
  return parser
    .strict()
    .exitProcess(false)
    .check((args, declared) => checkValues(args, declared as unknown as Declared, usageError))
    .fail((message: string | null, error: unknown) => {
      if (error !== undefined && error !== null && !isParserError(error)) throw error;
      const said = message ?? (isParserError(error) ? error.message : null);
      throw usageError(said ?? 'the command line is not understood');
    });
}

/** What yargs gives a check beside the arguments; its types say something else. */
interface Declared {
  readonly key: Readonly<Record<string, unknown>>;
  readonly array: readonly string[];
}

/** Without it a repeated option is an array where its command expects one value. */
function checkValues(
  args: Readonly<Record<string, unknown>>,
  { key, array }: Declared,
  usageError: (message: string) => FaceEvalError,
): true {
  for (const name of Object.keys(key)) {
    const value = args[name];
    if (Number.isNaN(value)) throw usageError(`--${name} takes a number`);
    if (Array.isArray(value) && !array.includes(name)) {
      throw usageError(`--${name} can be given once only`);
    }
  }
  return true;
}

/** Whether yargs threw it for a slip on the command line; it does not export the class. */
export function isParserError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'YError';
}

/** Stands before a word that is no option though it looks like one: no shell can pass it. */
const MARK = '\0';

/** Stands where `--` stood: an option in front that takes many values ends there, as at any other. */
const END_OF_VALUES = 'end-of-values';

/** Lets a parser accept what {@link markPositionals} puts in. */
export function declareMarks<T>(parser: Argv<T>): Argv<T> {
  return parser.option(END_OF_VALUES, { type: 'boolean', hidden: true }) as Argv<T>;
}

/**
 * Makes positionals of the words behind `--`, which yargs does not give to commands. Words like
 * options are marked for it; {@link unmarked} takes the mark off.
 */
export function markPositionals(words: readonly string[]): string[] {
  const end = words.indexOf('--');
  if (end < 0) return [...words];
  const marked = words.slice(end + 1).map((word) => (word.startsWith('-') ? MARK + word : word));
  return [...words.slice(0, end), `--${END_OF_VALUES}=true`, ...marked];
}

/** Arguments as the user wrote them. */
export function unmarked<T extends object>(args: T): T {
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(plain);
    return typeof value === 'string' && value.startsWith(MARK) ? value.slice(1) : value;
  };
  return Object.fromEntries(Object.entries(args).map(([key, value]) => [key, plain(value)])) as T;
}
