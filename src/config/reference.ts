import {
  configJsonSchema,
  expectation,
  keysOf,
  type SchemaKey,
  type SchemaNode,
} from './json-schema.js';

/** docs/config.md: every key of the configuration, from the schema. */
export function configReference(): string {
  const root = configJsonSchema();
  const top = Object.entries(root.properties ?? {});
  const lines = [
    '# Configuration',
    '',
    'One YAML file, all of it optional. It is looked for in this order: `--config FILE`,',
    '`$FACEEVAL_CONFIG`, `./faceeval.yaml`, `/etc/faceeval/faceeval.yaml`; with none, the defaults',
    'below hold. `faceeval config check` names file, line and column of every mistake.',
    '',
    'Any key can be set by an environment variable as well: `FACEEVAL__` and the path, parts joined',
    'by two underscores, lists by position: `FACEEVAL__MQTT__URL=mqtt://broker`,',
    '`FACEEVAL__CAMERAS__0__SOURCE=/dev/video0`. Variables win over the file.',
    '',
    'Relative paths start at the folder of the file; `~` is the home folder. With',
    '`/etc/faceeval/faceeval.yaml` the state folder is the service’s, `/var/lib/faceeval`, unless',
    '`stateDir` names another, so that commands and service share one gallery. For completion and',
    'checks while you type, write the schema beside the file and name it in its first line:',
    '`faceeval config schema > faceeval.schema.json`, then',
    '`# yaml-language-server: $schema=./faceeval.schema.json`.',
    '',
    'This page is made from the schema by `npm run docs`.',
    '',
    '## Top level',
    '',
    ...table(keysOf(root).filter(({ key, node }) => !key.includes('.') && node.type !== 'array')),
  ];
  for (const [name, node] of top) {
    const section = node.type === 'array' && node.items ? node.items : node;
    if (section.properties === undefined) continue;
    const title = node.type === 'array' ? `${name}: a list` : name;
    lines.push('', `## ${title}`, '', ...table(keysOf(section)));
  }
  return `${lines.join('\n')}\n`;
}

function table(entries: readonly SchemaKey[]): string[] {
  const rows = entries.map(({ key, node, required }) => {
    const value = required ? 'required' : showDefault(node);
    return `| \`${key}\` | ${expectation(node)} | ${value} | ${node.description ?? ''} |`;
  });
  return ['| key | value | default | |', '|---|---|---|---|', ...rows];
}

function showDefault(node: SchemaNode): string {
  return node.default === undefined ? '–' : `\`${JSON.stringify(node.default)}\``;
}
