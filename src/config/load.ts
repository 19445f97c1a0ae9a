import { existsSync } from 'node:fs';
import { FaceEvalError } from '../domain/errors.js';
import { applyOverrides, type Override, readOverrides } from './environment.js';
import type { ConfigPath } from './json-schema.js';
import { readSecrets, resolveLocations } from './locations.js';
import { crossCheck, explainIssues, type Problem } from './problems.js';
import { type Config, configSchema } from './schema.js';
import { YamlFile } from './yaml-file.js';

/** Files looked for when none is named, in this order. */
const SEARCH = ['faceeval.yaml', '/etc/faceeval/faceeval.yaml'];

/** Where the configuration may come from. */
export interface ConfigSource {
  /** File given on the command line. */
  readonly path?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv;
}

/** The configuration and where it came from. */
export interface LoadedConfig {
  readonly config: Config;
  /** The file, or null when there is none and the defaults hold. */
  readonly path: string | null;
  readonly overrides: readonly Override[];
}

/**
 * Reads the configuration: `--config`, else `$FACEEVAL_CONFIG`, else ./faceeval.yaml, else
 * /etc/faceeval/faceeval.yaml, else nothing but the defaults; then the overrides of the
 * environment, then the files that hold secrets.
 *
 * @throws FaceEvalError CONFIG that names the place of every problem and what belongs there.
 */
export function loadConfig(source: ConfigSource = {}): LoadedConfig {
  const environment = source.environment ?? process.env;
  const path = findConfigFile(source.path, environment);
  const file = path === null ? undefined : YamlFile.read(path);
  const overrides = readOverrides(environment);
  const value = applyOverrides(file?.toValue() ?? {}, overrides);
  const where = (at: ConfigPath): string => whereIs(at, overrides, file);
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) throw refuse(explainIssues(parsed.error.issues, value), where);
  const problems = crossCheck(parsed.data);
  if (problems.length > 0) throw refuse(problems, where);
  return { config: readSecrets(resolveLocations(parsed.data, path)), path, overrides };
}

function findConfigFile(given: string | undefined, environment: NodeJS.ProcessEnv): string | null {
  const named = given ?? (environment.FACEEVAL_CONFIG || undefined);
  return named ?? SEARCH.find((path) => existsSync(path)) ?? null;
}

/** The variable that set the value, else its place in the file. */
function whereIs(
  path: ConfigPath,
  overrides: readonly Override[],
  file: YamlFile | undefined,
): string {
  const setter = overrides.findLast((override) =>
    override.path.every((step, index) => path[index] === step),
  );
  return setter === undefined
    ? (file?.whereIs(path) ?? 'configuration')
    : `environment variable ${setter.variable}`;
}

function refuse(problems: readonly Problem[], where: (path: ConfigPath) => string): FaceEvalError {
  const lines = problems.map(({ path, text }) => `${where(path)}: ${text}`);
  return new FaceEvalError('CONFIG', [...new Set(lines)].join('\n'), {
    hint: 'docs/config.md explains every key; `faceeval config check` looks at a file',
  });
}
