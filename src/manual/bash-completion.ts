import type { CommandModel, OptionModel } from './command-model.js';
import { shellWord } from './shell-word.js';

/** A program as the completion sees it; one without commands has one model with an empty path. */
export interface CompletedProgram {
  readonly name: string;
  readonly commands: readonly CommandModel[];
  readonly globals: readonly OptionModel[];
}

/**
 * A completion script for bash that needs no bash-completion package and starts no program. yargs
 * can complete as well, but offers options where a file belongs, and starts Node for each TAB.
 */
export function bashCompletion({ name, commands, globals }: CompletedProgram): string {
  const functionName = `_${name.replaceAll('-', '_')}`;
  const top: CommandModel = { ...NOTHING, path: [] };
  const models = commands.some(({ path }) => path.length === 0) ? commands : [top, ...commands];
  const byPath = models.map((command) => [
    `    ${shellWord(command.path.join(' '))})`,
    `      options=${shellWord(optionWords([...command.options, ...globals]))}`,
    `      words=${shellWord(wordsAfter(command, commands).join(' '))}`,
    '      ;;',
  ]);
  const values = commands.flatMap(({ path, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .map(({ name: option, choices }) => [
        `    ${shellWord(`${path.join(' ')}:--${option}`)}) words=${shellWord(choices.join(' '))} ;;`,
      ]),
  );
  const flags = [...new Set([...commands.flatMap(({ options }) => options), ...globals])]
    .filter(({ takesValue }) => !takesValue)
    .map(({ name: option }) => `--${option}`);
  const known = `|${commands.map(({ path }) => path.join(' ')).join('|')}|`;
  return `# bash completion of ${name}; made by \`npm run docs\`.
${functionName}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}"
  local path="" options="" words="" word n placed=0
  local flags=${shellWord(` ${[...new Set(flags), '--help', '--version'].join(' ')} `)}
  local paths=${shellWord(known)}
  # The words so far that name a command; values of options are none.
  for ((n = 1; n < COMP_CWORD; n++)); do
    word="\${COMP_WORDS[n]}"
    if [[ "$word" == --* ]]; then
      [[ "$word" == *=* || "$flags" == *" $word "* ]] || ((n++))
    elif [[ "$paths" == *"|\${path:+$path }$word|"* ]]; then
      path="\${path:+$path }$word"
    else
      placed=1
      break
    fi
  done
  case "$path" in
${byPath.flat().join('\n')}
  esac
  ((placed)) && words=""
  if [[ "$previous" == --* && "$flags" != *" $previous "* ]]; then
    words=""
    case "$path:$previous" in
${values.flat().join('\n')}
    esac
  elif [[ "$current" == -* ]]; then
    words="$options"
  fi
  # Nothing of ours: bash completes files.
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -o bashdefault -F ${functionName} ${name}
`;
}

const NOTHING = { summary: '', positionals: [], options: [], examples: [], epilogues: [] };

/** Words that may follow a command: commands below it, or the choices of its first word. */
function wordsAfter(command: CommandModel, commands: readonly CommandModel[]): string[] {
  const depth = command.path.length;
  const below = commands
    .filter(({ path }) => path.length === depth + 1)
    .filter(({ path }) => command.path.every((word, index) => path[index] === word))
    .map(({ path }) => path[depth] ?? '');
  return below.length > 0 ? below : [...(command.positionals[0]?.choices ?? [])];
}

function optionWords(options: readonly OptionModel[]): string {
  return [...options.map(({ name }) => `--${name}`), '--help', '--version'].join(' ');
}
