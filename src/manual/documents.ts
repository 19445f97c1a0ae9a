import { readFile } from 'node:fs/promises';
import { declareBenchOptions } from '../cli/bench-arguments.js';
import { declareGlobalOptions } from '../cli/command.js';
import { COMMANDS } from '../cli/commands.js';
import { programVersion } from '../domain/version.js';
import { bashCompletion, type CompletedProgram } from './bash-completion.js';
import { modelCommands, modelOptions } from './command-model.js';
import { configPage } from './config-page.js';
import { benchPage, faceevalPage, type PageHead } from './program-pages.js';
import { servicePage } from './service-page.js';
import { zshCompletion } from './zsh-completion.js';

/** When the text that is not generated was last changed. */
const REVISED = '2026-11-24';

/**
 * Manual pages and shell completion, made from the declarations of commands and configuration.
 *
 * @returns Text by path below the repository's root.
 */
export async function manualDocuments(): Promise<ReadonlyMap<string, string>> {
  const head: PageHead = { date: REVISED, program: `faceeval ${programVersion()}` };
  const commands = await modelCommands(COMMANDS);
  const globals = modelOptions(declareGlobalOptions).options;
  const bench = modelOptions(declareBenchOptions);
  const unit = await readFile(new URL('../../systemd/faceeval.service', import.meta.url), 'utf8');
  const programs: readonly CompletedProgram[] = [
    { name: 'faceeval', commands, globals },
    { name: 'faceeval-bench', commands: [{ ...bench, path: [] }], globals: [] },
  ];
  return new Map([
    ['man/faceeval.1', faceevalPage(commands, globals, head)],
    ['man/faceeval-bench.1', benchPage(bench, head)],
    ['man/faceeval-config.5', configPage(head)],
    ['man/faceeval.service.8', servicePage(unit, head)],
    ...programs.map(
      (program) => [`completion/bash/${program.name}`, bashCompletion(program)] as const,
    ),
    ...programs.map(
      (program) => [`completion/zsh/_${program.name}`, zshCompletion(program)] as const,
    ),
  ]);
}
