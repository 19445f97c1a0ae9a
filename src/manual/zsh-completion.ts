import type { CompletedProgram } from './bash-completion.js';
import type { CommandModel, OptionModel, PositionalModel } from './command-model.js';
import { shellWord } from './shell-word.js';

/** A completion function for zsh, with what each command and option means. */
export function zshCompletion({ name, commands, globals }: CompletedProgram): string {
  const root = commands.find(({ path }) => path.length === 0);
  return `${[
    `#compdef ${name}`,
    `# zsh completion of ${name}; made by \`npm run docs\`.`,
    '',
    ...commands.flatMap((command) => commandFunction(name, command, commands, globals)),
    ...(root === undefined ? rootFunction(name, commands, globals) : []),
    `${functionOf(name, [])} "$@"`,
  ].join('\n')}\n`;
}

function rootFunction(
  name: string,
  commands: readonly CommandModel[],
  globals: readonly OptionModel[],
): string[] {
  const top: CommandModel = {
    ...{ path: [], summary: '', positionals: [], options: [], examples: [], epilogues: [] },
  };
  return commandFunction(name, top, commands, globals);
}

function commandFunction(
  program: string,
  command: CommandModel,
  commands: readonly CommandModel[],
  globals: readonly OptionModel[],
): string[] {
  const { path, options, positionals } = command;
  const specs = [...options, ...globals].map(optionSpec);
  const below = commands.filter(
    (one) =>
      one.path.length === path.length + 1 && path.every((word, index) => one.path[index] === word),
  );
  const head = [`${functionOf(program, path)}() {`];
  const fixed = ["'--help[Show help]'", "'--version[Show version number]'"];
  if (below.length === 0) {
    return [
      ...head,
      '  _arguments -s \\',
      ...[...specs, ...fixed, ...positionals.map(positionalSpec)].map(
        (spec, index, all) => `    ${spec}${index < all.length - 1 ? ' \\' : ''}`,
      ),
      '}',
      '',
    ];
  }
  return [
    ...head,
    '  local curcontext="$curcontext" state line',
    '  _arguments -C -s \\',
    ...[...specs, ...fixed].map((spec) => `    ${spec} \\`),
    "    '1: :->command' '*:: :->rest'",
    '  case "$state" in',
    '    command)',
    '      local -a choices=(',
    ...below.map(({ path: inner, summary }) => {
      const word = inner.at(-1) ?? '';
      return `        ${shellWord(`${word.replaceAll(':', '\\:')}:${summary}`)}`;
    }),
    '      )',
    "      _describe 'command' choices",
    '      ;;',
    '    rest)',
    '      case "$line[1]" in',
    ...below.map(({ path: inner }) => `        ${inner.at(-1)}) ${functionOf(program, inner)} ;;`),
    '      esac',
    '      ;;',
    '  esac',
    '}',
    '',
  ];
}

function functionOf(program: string, path: readonly string[]): string {
  return ['', program, ...path].join('_').replaceAll('-', '_');
}

function optionSpec({ name, takesValue, repeated, choices, summary }: OptionModel): string {
  const value = choices.length > 0 ? `:value:(${choices.join(' ')})` : ':value:_files';
  const mark = repeated ? '*' : '';
  return shellWord(`${mark}--${name}[${bracketed(summary)}]${takesValue ? value : ''}`);
}

function positionalSpec({ name, repeated, choices }: PositionalModel, index: number): string {
  const action = choices.length > 0 ? `(${choices.join(' ')})` : '_files';
  return shellWord(`${repeated ? '*' : index + 1}:${name}:${action}`);
}

/** Brackets and colons end a description in _arguments. */
function bracketed(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&');
}
