import type { ArgumentsCamelCase, Argv } from 'yargs';
import { unmarked } from './command-line.js';

/** Options that every command takes. */
export interface GlobalArguments {
  /** Configuration file; the usual places are searched when absent. */
  readonly config?: string | undefined;
  /** One JSON document on standard output instead of text for people. */
  readonly json: boolean;
  /** Stack traces and more log lines on standard error. */
  readonly verbose: boolean;
}

/** One command as the frame sees it; made by {@link defineCommand}. */
export interface Command {
  /** `finish` takes the exit code of a command below this one, whose `run` yargs calls alone. */
  readonly declare: (
    yargs: Argv<GlobalArguments>,
    finish?: (exitCode: number) => void,
  ) => Argv<unknown>;
  readonly run: (args: ArgumentsCamelCase<unknown>) => Promise<number>;
}

/** A line of the command table. Its module is imported only when the command is used. */
export interface CommandEntry {
  /** As yargs writes it: `identify <images..>`. */
  readonly usage: string;
  /** One line for `faceeval --help`. */
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
}

/**
 * Makes a command. Each has a file of its own, `<name>-command.ts`, which exports it as `command`,
 * and a line in src/cli/commands.ts.
 *
 * Results go to standard output through src/cli/output.ts, progress and notes to standard error.
 * Errors are thrown as FaceEvalError; the frame prints message and hint and exits with their code.
 *
 * @param declare Declares positionals, options and examples.
 * @param run Does the work; gives the exit code, or nothing for 0.
 */
export function defineCommand<Arguments>({
  declare,
  run,
}: {
  readonly declare: (yargs: Argv<GlobalArguments>) => Argv<Arguments>;
  readonly run: (args: ArgumentsCamelCase<Arguments>) => Promise<number | undefined>;
}): Command {
  return {
    declare,
    // What `declare` declared is what yargs parsed: the one place where the types cannot show it.
    run: async (args) => (await run(unmarked(args) as ArgumentsCamelCase<Arguments>)) ?? 0,
  };
}

/**
 * Makes a command of several words: `faceeval data clean`.
 *
 * @param entries The commands below, each with its usage after the first word.
 */
export function defineCommandGroup(
  entries: readonly {
    readonly usage: string;
    readonly summary: string;
    readonly command: Command;
  }[],
): Command {
  return {
    declare: (yargs, finish) =>
      entries
        .reduce<Argv>(
          (group, { usage, summary, command }) =>
            group.command(
              usage,
              summary,
              (below) => command.declare(below as Argv<GlobalArguments>),
              async (args) => finish?.(await command.run(args)),
            ),
          yargs,
        )
        .demandCommand(1, 'say what to do: give one of its commands'),
    run: () => Promise.resolve(0),
  };
}

/** Declares the options that every command takes; the manual lists them from here as well. */
export function declareGlobalOptions(yargs: Argv): Argv<GlobalArguments> {
  return yargs
    .option('config', {
      type: 'string',
      requiresArg: true,
      describe: 'Configuration file (else $FACEEVAL_CONFIG, ./faceeval.yaml, /etc/faceeval/…)',
      global: true,
    })
    .option('json', { type: 'boolean', default: false, describe: 'Print JSON', global: true })
    .option('verbose', {
      type: 'boolean',
      default: false,
      describe: 'Print stack traces and details',
      global: true,
    });
}
