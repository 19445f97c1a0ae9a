import { type ErrorCode, FaceEvalError } from '../domain/errors.js';
import type { CommandModel, OptionModel, PositionalModel } from './command-model.js';
import {
  bold,
  escapeText,
  example,
  heading,
  italic,
  paragraph,
  sentence,
  subheading,
  tagged,
  title,
} from './roff.js';

/** What stands in the head of every page. */
export interface PageHead {
  /** ISO date of the last change to the text that is not generated. */
  readonly date: string;
  /** `faceeval 0.1.0` */
  readonly program: string;
}

/** Kinds of errors in words; the exit codes come from the errors themselves. */
const EXITS: Readonly<Record<ErrorCode, string>> = {
  USAGE: 'the command line is not understood',
  IMAGE: 'a picture is empty, too large, damaged, or none',
  ENROLMENT: 'a photo cannot be enrolled',
  MODEL: 'a model file, its manifest entry or a provider does not work',
  VISION: 'the vision process or the OpenCV addon failed, or an error nobody foresaw',
  STORE: 'the database or the state folder cannot be used',
  CAMERA: 'a camera or a file in its place cannot be read',
  MQTT: 'the broker, or the port of the built-in one, cannot be used',
  CONFIG: 'the configuration is wrong',
  DAEMON: 'no daemon runs that could be asked, or it ended over the request',
};

/** faceeval(1): every command with its options. */
export function faceevalPage(
  commands: readonly CommandModel[],
  globals: readonly OptionModel[],
  head: PageHead,
): string {
  return lines(
    title('faceeval', 1, head),
    heading('NAME'),
    'faceeval \\- face recognition from camera pictures to MQTT',
    heading('SYNOPSIS'),
    `${bold('faceeval')} ${italic('command')} [${italic('options')}]`,
    heading('DESCRIPTION'),
    paragraph(
      '`faceeval run` is a daemon that watches cameras, finds faces, compares them with the people ' +
        'of its gallery and publishes over MQTT who is there. The other commands fill and tend the ' +
        'gallery, look at pictures, measure accuracy, and find out what is wrong.',
    ),
    paragraph(
      'Results go to standard output, progress and notes to standard error. The commands that need ' +
        'the gallery may be used while the daemon runs.',
    ),
    heading('OPTIONS OF EVERY COMMAND'),
    ...globals.map(option),
    tagged(bold('--version'), ['Print the version.']),
    tagged(bold('--help'), ['Print the help of the program or of a command.']),
    heading('COMMANDS'),
    ...commands.flatMap((command) => commandSection(command, commands)),
    heading('EXIT STATUS'),
    tagged('0', ['Everything is well.']),
    tagged('1', ['The answer is no, or some of several things were refused; see the command.']),
    ...Object.entries(EXITS).map(([code, meaning]) =>
      tagged(String(new FaceEvalError(code as ErrorCode, '').exitCode), [
        escapeText(`${code}: ${meaning}.`),
      ]),
    ),
    heading('ENVIRONMENT'),
    tagged(
      bold('FACEEVAL_CONFIG'),
      ['Configuration file when `--config` is not given.'].map(sentence),
    ),
    tagged(`${bold('FACEEVAL__')}${italic('SECTION')}${bold('__')}${italic('KEY')}`, [
      'Sets a key of the configuration; see faceeval\\-config(5).',
    ]),
    heading('FILES'),
    tagged(bold('/etc/faceeval/faceeval.yaml'), ['Configuration of the service.']),
    tagged(bold('/var/lib/faceeval'), ['Gallery, hits, backups: the state folder of the service.']),
    tagged(bold('~/.local/state/faceeval'), ['The state folder of a user, unless configured.']),
    seeAlso('faceeval-bench(1)', 'faceeval-config(5)', 'faceeval.service(8)', 'mosquitto_sub(1)'),
  );
}

/** faceeval-bench(1). */
export function benchPage(
  { options, examples }: Pick<CommandModel, 'options' | 'examples'>,
  head: PageHead,
): string {
  return lines(
    title('faceeval-bench', 1, head),
    heading('NAME'),
    'faceeval\\-bench \\- measure how fast faceeval is on this device',
    heading('SYNOPSIS'),
    `${bold('faceeval-bench')} [${italic('options')}]`,
    heading('DESCRIPTION'),
    paragraph(
      'Runs models and pipeline on drawn faces and prints latencies as a table, beside the figures ' +
        'that were published for the system that faceeval took its task from. Each row runs in a ' +
        'process of its own; a row that cannot run here says why. It uses a state folder of its ' +
        'own, so the daemon need not be stopped, but it takes processor time from the measurement.',
    ),
    heading('OPTIONS'),
    ...options.map(option),
    tagged(bold('--version'), ['Print the version.']),
    tagged(bold('--help'), ['Print the help.']),
    heading('EXAMPLES'),
    ...examples.map((shown) => exampleOf('faceeval-bench', shown)),
    seeAlso('faceeval(1)'),
  );
}

/** The last section of a page. */
export function seeAlso(...pages: readonly string[]): string {
  const named = pages.map((page) => {
    const [name = page, section = ''] = page.split(/[()]/);
    return `${bold(name)}(${section})`;
  });
  return `${heading('SEE ALSO')}\n${named.join(',\n')}`;
}

/** Joins the parts of a page. A heading begins a paragraph by itself. */
export function lines(...parts: readonly string[]): string {
  return `${parts.join('\n')}\n`.replace(/^(\.S[HS] .*\n)\.PP\n/gm, '$1');
}

function commandSection(command: CommandModel, all: readonly CommandModel[]): string[] {
  const { path, summary, positionals, options, examples, epilogues } = command;
  const isGroup = all.some((one) => one !== command && isBelow(command, one));
  const usage = [
    bold(['faceeval', ...path].join(' ')),
    ...(isGroup ? [italic('command')] : []),
    ...positionals.map(placeholder),
    ...(options.length > 0 ? [`[${italic('options')}]`] : []),
  ];
  return [
    subheading(path.join(' ')),
    usage.join(' '),
    paragraph(fullSentence(summary)),
    ...positionals.filter((word) => explanation(word) !== '').map(positional),
    ...options.map(option),
    ...epilogues.map(paragraph),
    ...examples.map((shown) => exampleOf('faceeval', shown)),
  ];
}

/** Whether `other` is a command of the group `command`. */
function isBelow({ path }: CommandModel, other: CommandModel): boolean {
  return path.every((word, index) => other.path[index] === word);
}

function placeholder({ name, required, repeated }: PositionalModel): string {
  const word = `${italic(name)}${repeated ? '...' : ''}`;
  return required ? word : `[${word}]`;
}

function positional(word: PositionalModel): string {
  return tagged(italic(word.name), [sentence(explanation(word))]);
}

/** Choices longer than this stand in a sentence of their own. */
const SHORT_CHOICES = 40;

function option({ name, takesValue, repeated, required, ...rest }: OptionModel): string {
  const { choices, fallback, summary } = rest;
  const areShort = choices.length > 0 && choices.join('|').length <= SHORT_CHOICES;
  const value = areShort ? choices.map(bold).join('|') : italic('value');
  const term = `${bold(`--${name}`)}${takesValue ? ` ${value}${repeated ? '...' : ''}` : ''}`;
  const notes = [
    ...(choices.length > 0 && !areShort ? [oneOf(choices)] : []),
    ...(required ? ['Required.'] : []),
    ...(fallback === undefined ? [] : [`Default: ${fallback}.`]),
  ];
  return tagged(term, [fullSentence(summary), ...notes].map(sentence));
}

function oneOf(choices: readonly string[]): string {
  return `One of ${choices.map((one) => `\`${one}\``).join(', ')}.`;
}

function explanation({ summary, choices }: PositionalModel): string {
  const listed = choices.length > 0 ? oneOf(choices) : '';
  return [summary === '' ? '' : fullSentence(summary), listed].filter(Boolean).join(' ');
}

function exampleOf(program: string, { line, summary }: CommandModel['examples'][number]): string {
  const shown = example([line.replace('$0', program)]);
  return summary === ''
    ? shown
    : `${paragraph(`${capital(summary)}${/[.?!]$/.test(summary) ? '' : ':'}`)}\n${shown}`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const fullSentence = (text: string): string => (/[.?!:]$/.test(text) ? text : `${text}.`);
