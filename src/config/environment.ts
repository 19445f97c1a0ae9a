import { closest } from 'fastest-levenshtein';
import { parse } from 'yaml';
import { FaceEvalError } from '../domain/errors.js';
import { type ConfigPath, configJsonSchema, type SchemaNode } from './json-schema.js';

const PREFIX = 'FACEEVAL__';

/** A value of the configuration that an environment variable sets. */
export interface Override {
  readonly variable: string;
  readonly path: ConfigPath;
  readonly value: unknown;
}

/**
 * Reads the variables that override the configuration: `FACEEVAL__MQTT__URL`,
 * `FACEEVAL__CAMERAS__0__SOURCE`. Case and single underscores in a key do not matter:
 * `FACEEVAL__MQTT__PASSWORD_FILE` is `mqtt.passwordFile`.
 *
 * @throws FaceEvalError CONFIG when a variable names no key of the configuration.
 */
export function readOverrides(environment: NodeJS.ProcessEnv): Override[] {
  const root = configJsonSchema();
  const overrides: Override[] = [];
  for (const variable of Object.keys(environment).sort()) {
    const text = environment[variable];
    if (!variable.startsWith(PREFIX) || text === undefined) continue;
    const { path, node } = resolvePath(variable, root);
    overrides.push({ variable, path, value: readValue(text, node) });
  }
  return overrides;
}

function resolvePath(variable: string, root: SchemaNode): { path: ConfigPath; node: SchemaNode } {
  const path: (string | number)[] = [];
  let node = root;
  for (const part of variable.slice(PREFIX.length).split('__')) {
    const next = stepInto(node, part);
    if (next === undefined) throw unknownVariable(variable, path, part, node);
    path.push(next.step);
    node = next.node;
  }
  return { path, node };
}

function stepInto(
  node: SchemaNode,
  part: string,
): { step: string | number; node: SchemaNode } | undefined {
  const { items } = node;
  if (node.type === 'array') {
    if (!/^\d{1,2}$/.test(part)) return undefined;
    const item = node.prefixItems?.[Number(part)] ?? items;
    return item ? { step: Number(part), node: item } : undefined;
  }
  const wanted = foldKey(part);
  for (const [key, property] of Object.entries(node.properties ?? {})) {
    if (foldKey(key) === wanted) return { step: key, node: property };
  }
  return undefined;
}

const foldKey = (key: string): string => key.replaceAll('_', '').toLowerCase();

function unknownVariable(
  variable: string,
  path: ConfigPath,
  part: string,
  node: SchemaNode,
): FaceEvalError {
  const where = path.length === 0 ? 'the configuration' : path.join('.');
  const keys = Object.keys(node.properties ?? {});
  const hint =
    keys.length === 0
      ? `${where} takes ${node.type === 'array' ? 'a position (0, 1, …)' : 'no further key'} here`
      : `did you mean ${closest(part.toLowerCase(), keys)}? docs/config.md lists every key`;
  return new FaceEvalError(
    'CONFIG',
    `the environment variable ${variable} names "${part}", which ${where} does not have`,
    { hint },
  );
}

/** Texts are taken as they are; everything else is read as YAML: numbers, true, [a, b], {k: v}. */
function readValue(text: string, node: SchemaNode): unknown {
  if (node.type === 'string') return text;
  try {
    return parse(text);
  } catch {
    return text;
  }
}

/** Puts the overrides into the plain values of a file. */
export function applyOverrides(value: unknown, overrides: readonly Override[]): unknown {
  let result = value;
  for (const { path, value: leaf } of overrides) result = setAt(result, path, leaf);
  return result;
}

function setAt(value: unknown, path: ConfigPath, leaf: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return leaf;
  if (typeof step === 'number') {
    const list: unknown[] = Array.isArray(value) ? [...value] : [];
    list[step] = setAt(list[step], rest, leaf);
    return list;
  }
  const section = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  return { ...section, [step]: setAt((section as Record<string, unknown>)[step], rest, leaf) };
}
