import type { Argv } from 'yargs';
import type { CommandEntry, GlobalArguments } from '../cli/command.js';

/** An option as it was declared to yargs. */
export interface OptionModel {
  readonly name: string;
  readonly takesValue: boolean;
  readonly repeated: boolean;
  readonly choices: readonly string[];
  readonly summary: string;
  /** What holds when it is absent; undefined where that is nothing. */
  readonly fallback: string | undefined;
  readonly required: boolean;
}

/** A word of the command line that is no option. */
export interface PositionalModel {
  readonly name: string;
  readonly required: boolean;
  readonly repeated: boolean;
  readonly choices: readonly string[];
  readonly summary: string;
}

/** A command with everything that its help shows. */
export interface CommandModel {
  /** Words that name it: `['identities']`, or two of them for a command below a command. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly positionals: readonly PositionalModel[];
  readonly options: readonly OptionModel[];
  readonly examples: readonly { readonly line: string; readonly summary: string }[];
  readonly epilogues: readonly string[];
}

/** The part of a yargs declaration that the manual and the completion use. */
interface Declaration {
  readonly type?: string;
  readonly array?: boolean;
  readonly nargs?: number;
  readonly choices?: readonly unknown[];
  readonly describe?: string;
  readonly default?: unknown;
  readonly demandOption?: unknown;
}

interface Call {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** Models of all commands of a table, those below a command after it. */
export async function modelCommands(entries: readonly CommandEntry[]): Promise<CommandModel[]> {
  const models: CommandModel[] = [];
  for (const { usage, summary, load } of entries) {
    const { command } = await load();
    const declare = (yargs: unknown): unknown => command.declare(yargs as Argv<GlobalArguments>);
    models.push(...modelCommand([], usage, summary, declare));
  }
  return models;
}

/** Options that a declaration makes, for programs without commands. */
export function modelOptions(declare: (yargs: Argv) => unknown): Omit<CommandModel, 'path'> {
  const calls = record(declare);
  return {
    summary: '',
    positionals: [],
    options: calls.filter(({ method }) => method === 'option').map(optionOf),
    examples: calls.filter(({ method }) => method === 'example').map(exampleOf),
    epilogues: epiloguesOf(calls),
  };
}

function modelCommand(
  parents: readonly string[],
  usage: string,
  summary: string,
  declare: (yargs: unknown) => unknown,
): CommandModel[] {
  const [name = usage, ...words] = usage.split(' ');
  const path = [...parents, name];
  const calls = record(declare as (yargs: Argv) => unknown);
  const declared = new Map(
    calls
      .filter(({ method }) => method === 'positional')
      .map(({ args: [word, declaration] }) => [String(word), (declaration ?? {}) as Declaration]),
  );
  const own: CommandModel = {
    path,
    summary,
    positionals: words.map((word) => positionalOf(word, declared)),
    options: calls.filter(({ method }) => method === 'option').map(optionOf),
    examples: calls.filter(({ method }) => method === 'example').map(exampleOf),
    epilogues: epiloguesOf(calls),
  };
  const below: CommandModel[] = [];
  for (const { args } of calls.filter(({ method }) => method === 'command')) {
    const inner = commandOf(args);
    below.push(...modelCommand(path, inner.usage, inner.summary, inner.declare));
  }
  return [own, ...below];
}

/**
 * Declares to a stand-in that notes every call. yargs itself offers no reading of what was declared
 * but its help text.
 */
function record(declare: (yargs: Argv) => unknown): readonly Call[] {
  const calls: Call[] = [];
  const standIn: unknown = new Proxy(
    {},
    {
      get:
        (_target, method) =>
        (...args: readonly unknown[]) => {
          calls.push({ method: String(method), args });
          return standIn;
        },
    },
  );
  declare(standIn as Argv);
  return calls;
}

/** Both forms that yargs takes: words one after another, or one object. */
function commandOf(args: readonly unknown[]): {
  readonly usage: string;
  readonly summary: string;
  readonly declare: (yargs: unknown) => unknown;
} {
  const [first, summary, builder] = args;
  const parts =
    typeof first === 'object' && first !== null && !Array.isArray(first)
      ? (first as { command?: unknown; describe?: unknown; builder?: unknown })
      : { command: first, describe: summary, builder };
  const usage = Array.isArray(parts.command) ? parts.command[0] : parts.command;
  return {
    usage: String(usage),
    summary: typeof parts.describe === 'string' ? parts.describe : '',
    declare:
      typeof parts.builder === 'function'
        ? (parts.builder as (yargs: unknown) => unknown)
        : (yargs) => yargs,
  };
}

function positionalOf(word: string, declared: ReadonlyMap<string, Declaration>): PositionalModel {
  const name = word.replace(/^[<[]|\.*[>\]]$/g, '');
  const { choices = [], describe = '' } = declared.get(name) ?? {};
  return {
    name,
    required: word.startsWith('<'),
    repeated: word.includes('..'),
    choices: choices.map(String),
    summary: describe,
  };
}

function optionOf({ args: [name, declaration] }: Call): OptionModel {
  const {
    type,
    array,
    nargs,
    choices = [],
    describe = '',
    ...rest
  } = (declaration ?? {}) as Declaration;
  const takesValue = type !== 'boolean';
  return {
    name: String(name),
    takesValue,
    repeated: array === true || (nargs ?? 1) > 1,
    choices: choices.map(String),
    summary: describe,
    fallback: takesValue ? fallbackOf(rest.default) : undefined,
    required: rest.demandOption === true,
  };
}

function fallbackOf(value: unknown): string | undefined {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  return String(value);
}

function exampleOf({ args: [line, summary] }: Call): CommandModel['examples'][number] {
  return { line: String(line), summary: typeof summary === 'string' ? summary : '' };
}

function epiloguesOf(calls: readonly Call[]): string[] {
  return calls
    .filter(({ method }) => method === 'epilogue' || method === 'epilog')
    .map(({ args: [text] }) => String(text));
}
