import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { FaceEvalError } from '../domain/errors.js';
import { applyOverrides, type Override, readOverrides } from './environment.js';
import type { ConfigPath } from './json-schema.js';
import { readSecrets, resolveLocations, SERVICE_FILE, SERVICE_STATE_DIR } from './locations.js';
import { crossCheck, explainIssues, type Problem } from './problems.js';
import { type Config, configSchema } from './schema.js';
import { YamlFile } from './yaml-file.js';

/** Looked for before the service's file when none is named. */
const FILE_HERE = 'faceeval.yaml';

/** Where the configuration may come from. */
export interface ConfigSource {
  /** File given on the command line. */
  readonly path?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv;
  /** The service's file; another one in tests. */
  readonly serviceFile?: string;
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
 * With the service's file the state folder is the service's, so that a command never works on a
 * gallery of its own because the file does not name it.
 *
 * @throws FaceEvalError CONFIG that names the place of every problem and what belongs there.
 */
export function loadConfig(source: ConfigSource = {}): LoadedConfig {
  const environment = source.environment ?? process.env;
  const { serviceFile = SERVICE_FILE } = source;
  const path = findConfigFile(source.path, environment, serviceFile);
  const file = path === null ? undefined : YamlFile.read(path);
  const overrides = readOverrides(environment);
  const value = applyOverrides(file?.toValue() ?? {}, overrides);
  const where = (at: ConfigPath): string => whereIs(at, overrides, file);
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) throw refuse(explainIssues(parsed.error.issues, value), where);
  const problems = crossCheck(parsed.data);
  if (problems.length > 0) throw refuse(problems, where);
  const ofService = path !== null && resolve(path) === serviceFile;
  const config =
    ofService && !Object.hasOwn(value as object, 'stateDir')
      ? { ...parsed.data, stateDir: SERVICE_STATE_DIR }
      : parsed.data;
  return { config: readSecrets(resolveLocations(config, path)), path, overrides };
}

function findConfigFile(
  given: string | undefined,
  environment: NodeJS.ProcessEnv,
  serviceFile: string,
): string | null {
  const named = given ?? (environment.FACEEVAL_CONFIG || undefined);
  if (named !== undefined) return named;
  // The folder a command is called in may be closed to its user, as `sudo -u faceeval` leaves it so.
  if (existsSync(FILE_HERE)) return FILE_HERE;
  return mayExist(serviceFile) ? serviceFile : null;
}

/**
 * Also true where this user may not look: reading the file then says so. Without it an ordinary
 * user's commands would work on a gallery of their own, beside the service's.
 */
function mayExist(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
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
