import {
  configJsonSchema,
  expectation,
  keysOf,
  type SchemaKey,
  type SchemaNode,
} from '../config/json-schema.js';
import { lines, type PageHead, seeAlso } from './program-pages.js';
import {
  bold,
  escapeText,
  example,
  heading,
  italic,
  paragraph,
  subheading,
  tagged,
  title,
} from './roff.js';

/** faceeval-config(5): every key of the configuration, from its schema. */
export function configPage(head: PageHead): string {
  const root = configJsonSchema();
  return lines(
    title('faceeval-config', 5, head),
    heading('NAME'),
    'faceeval\\-config \\- configuration of faceeval',
    heading('SYNOPSIS'),
    bold('/etc/faceeval/faceeval.yaml'),
    heading('DESCRIPTION'),
    paragraph(
      'One YAML file, all of it optional. It is looked for in this order: `--config`, ' +
        '`$FACEEVAL_CONFIG`, `./faceeval.yaml`, `/etc/faceeval/faceeval.yaml`. With none, the ' +
        'defaults hold. `faceeval config check` names line and column of every mistake, ' +
        '`faceeval config print` shows what holds.',
    ),
    paragraph(
      'Relative paths start at the folder of the file; `~` is the home folder. An unknown key is a ' +
        'mistake, not ignored. With `/etc/faceeval/faceeval.yaml` the state folder is ' +
        '`/var/lib/faceeval`, unless `stateDir` names another.',
    ),
    example([
      'node: hall',
      'cameras:',
      '  - id: door',
      '    source: /dev/video0',
      'mqtt:',
      '  url: mqtt://broker.local:1883',
      '  username: faceeval',
      '  passwordFile: /etc/faceeval/mqtt-password',
    ]),
    heading('ENVIRONMENT'),
    paragraph(
      'A variable whose name begins with `FACEEVAL__` sets a key and wins over the file. The parts ' +
        'of the path are joined by two underscores, lists count from 0:',
    ),
    example(['FACEEVAL__MQTT__URL=mqtt://broker', 'FACEEVAL__CAMERAS__0__SOURCE=/dev/video0']),
    heading('KEYS'),
    ...topLevel(root)
      .filter(({ inner }) => inner === undefined)
      .map(describeKey),
    ...topLevel(root).flatMap(({ key, node, inner }) =>
      inner === undefined
        ? []
        : [
            subheading(node.type === 'array' ? `${key}: a list, each with` : key),
            ...keysOf(inner).map(describeKey),
          ],
    ),
    seeAlso('faceeval(1)', 'faceeval.service(8)'),
  );
}

interface Entry extends SchemaKey {
  /** The keys below it, of each element where it is a list. */
  readonly inner: SchemaNode | undefined;
}

function topLevel(root: SchemaNode): Entry[] {
  return Object.entries(root.properties ?? {}).map(([key, node]) => ({
    ...{ key, node },
    required: root.required?.includes(key) ?? false,
    inner: [node, node.items || undefined].find((one) => one?.properties !== undefined),
  }));
}

function describeKey({ key, node, required }: SchemaKey): string {
  const words = [
    ...(required ? ['Required.'] : []),
    node.description ?? '',
    ...(node.default === undefined ? [] : [`(default ${JSON.stringify(node.default)})`]),
  ];
  const meaning = words.filter(Boolean).join(' ');
  return tagged(`${bold(key)}: ${italic(expectation(node))}`, meaning ? [escapeText(meaning)] : []);
}
