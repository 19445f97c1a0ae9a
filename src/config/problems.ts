import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import {
  type ConfigPath,
  configJsonSchema,
  expectation,
  type SchemaNode,
  schemaAt,
} from './json-schema.js';
import type { Config } from './schema.js';

/** Something wrong with the configuration: where, and what. */
export interface Problem {
  readonly path: ConfigPath;
  readonly text: string;
}

/** Turns what the schema found into sentences that name the key, the value and what belongs there. */
export function explainIssues(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
): readonly Problem[] {
  const root = configJsonSchema();
  return issues.flatMap((issue) => {
    const path = issue.path.filter((step) => typeof step !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownKey(root, path, key));
    }
    return [badValue(root, path, issue, valueAt(value, path))];
  });
}

function unknownKey(root: SchemaNode, path: ConfigPath, key: string): Problem {
  const known = Object.keys(schemaAt(root, path)?.properties ?? {});
  const where = path.length === 0 ? '' : ` in ${showPath(path)}`;
  const near = nearest(key, known);
  const elsewhere = near === undefined ? sectionOf(root, key) : undefined;
  let help = `; known keys: ${known.join(', ')}`;
  if (near !== undefined) help = `; did you mean ${near}?`;
  else if (elsewhere !== undefined) help = `; it belongs in ${elsewhere}`;
  return { path: [...path, key], text: `unknown key "${key}"${where}${help}` };
}

/** The known key that was probably meant: few letters differ, or one is part of the other. */
export function nearest(key: string, known: readonly string[]): string | undefined {
  const wanted = key.toLowerCase();
  const scored = known
    .map((name) => {
      const folded = name.toLowerCase();
      const part = wanted.length > 2 && (folded.includes(wanted) || wanted.includes(folded));
      return { name, score: part ? 1 : distance(wanted, folded) };
    })
    .sort((a, b) => a.score - b.score);
  const best = scored[0];
  return best !== undefined && best.score <= Math.max(2, key.length / 3) ? best.name : undefined;
}

/** Name of the top-level section that has the key. */
function sectionOf(root: SchemaNode, key: string): string | undefined {
  for (const [name, section] of Object.entries(root.properties ?? {})) {
    if (section.properties?.[key] !== undefined) return name;
  }
  return undefined;
}

function badValue(
  root: SchemaNode,
  path: ConfigPath,
  issue: z.core.$ZodIssue,
  value: unknown,
): Problem {
  const name = showPath(path);
  const node = schemaAt(root, path);
  if (value === undefined) return { path, text: `${name} is missing; expected ${words(node)}` };
  // A rule of its own (a pattern) says best what it wants.
  const wanted = issue.code === 'invalid_format' ? issue.message : words(node);
  const shown = typeof value === 'string' && value === '' ? 'an empty text' : show(value);
  return { path, text: `${name} must be ${wanted}, not ${shown}` };
}

const words = (node: SchemaNode | undefined): string =>
  node === undefined ? 'another value' : expectation(node);

function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'a section with keys';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** `cameras[0].source` */
export function showPath(path: ConfigPath): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return text.startsWith('.') ? text.slice(1) : text || 'the configuration';
}

function valueAt(value: unknown, path: ConfigPath): unknown {
  let at = value;
  for (const step of path) at = (at as Record<string | number, unknown> | null | undefined)?.[step];
  return at;
}

/** Rules over more than one key. */
export function crossCheck(config: Config): readonly Problem[] {
  const problems: Problem[] = [];
  const seen = new Map<string, number>();
  for (const [index, { id }] of config.cameras.entries()) {
    const before = seen.get(id);
    if (before !== undefined) {
      const text = `cameras[${index}].id "${id}" is also the id of cameras[${before}]`;
      problems.push({ path: ['cameras', index, 'id'], text });
    }
    seen.set(id, index);
  }
  if (config.hits.shots > config.tracking.maxShots) {
    const text =
      `hits.shots (${config.hits.shots}) is more than tracking.maxShots ` +
      `(${config.tracking.maxShots}): nobody would ever be named`;
    problems.push({ path: ['hits', 'shots'], text });
  }
  if ((config.mqtt.certFile === undefined) !== (config.mqtt.keyFile === undefined)) {
    const [has, lacks] =
      config.mqtt.keyFile === undefined ? ['certFile', 'keyFile'] : ['keyFile', 'certFile'];
    problems.push({ path: ['mqtt', has], text: `mqtt.${has} needs mqtt.${lacks} as well` });
  }
  if (config.encryption.enabled && config.encryption.keyFile === undefined) {
    const text = 'encryption.enabled needs encryption.keyFile';
    problems.push({ path: ['encryption', 'enabled'], text });
  }
  for (const key of ['username', 'password'] as const) {
    if (config.mqtt[key] === undefined || config.mqtt[`${key}File`] === undefined) continue;
    const text = `mqtt.${key} and mqtt.${key}File are both set: keep one of them`;
    problems.push({ path: ['mqtt', key], text });
  }
  return problems;
}
