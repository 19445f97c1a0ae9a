import { z } from 'zod';
import { configSchema } from './schema.js';

/** The part of JSON Schema (2020-12) that the configuration's schema comes out as. */
export interface SchemaNode {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null';
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode | false;
  readonly prefixItems?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Keys and list positions from the root to a value. */
export type ConfigPath = readonly (string | number)[];

/** The configuration file's JSON Schema: what `faceeval config schema` gives to editors. */
export function configJsonSchema(): SchemaNode {
  const schema = z.toJSONSchema(configSchema, { io: 'input' });
  return {
    ...schema,
    title: 'faceeval configuration',
    description: 'Configuration of the faceeval daemon (faceeval.yaml).',
  } as SchemaNode;
}

/** A key with the schema of its value. */
export interface SchemaKey {
  readonly key: string;
  readonly node: SchemaNode;
  readonly required: boolean;
}

/** Keys of a section; those of a section inside it as `outer.inner`. */
export function keysOf(section: SchemaNode): readonly SchemaKey[] {
  return Object.entries(section.properties ?? {}).flatMap(([key, node]): readonly SchemaKey[] =>
    node.properties === undefined
      ? [{ key, node, required: section.required?.includes(key) ?? false }]
      : keysOf(node).map((row) => ({ ...row, key: `${key}.${row.key}` })),
  );
}

/** The schema of the value at `path`, or undefined when there is no such key. */
export function schemaAt(root: SchemaNode, path: ConfigPath): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const step of path) {
    if (node === undefined) return undefined;
    node =
      typeof step === 'number'
        ? (node.prefixItems?.[step] ?? (node.items === false ? undefined : node.items))
        : node.properties?.[step];
  }
  return node;
}

/** What a value has to be, in words: "a whole number from 1 to 64". */
export function expectation(node: SchemaNode): string {
  if (node.anyOf !== undefined) return joinChoices(node.anyOf.map(expectation));
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return joinChoices(node.enum.map(String));
  switch (node.type) {
    case 'integer':
      return `a whole number${range(node)}`;
    case 'number':
      return `a number${range(node)}`;
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'array':
      return node.prefixItems === undefined ? 'a list' : `a list of ${node.prefixItems.length}`;
    case 'object':
      return 'a section with keys';
    default:
      return 'a text';
  }
}

function range({ minimum, maximum }: SchemaNode): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  return maximum === undefined ? '' : ` of at most ${maximum}`;
}

function joinChoices(choices: readonly string[]): string {
  return choices.length < 2
    ? choices.join('')
    : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}
