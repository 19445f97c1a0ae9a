import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { publicSchemas } from '../../src/control/request-schemas.js';
import { discoveryMessage } from '../../src/mqtt/discovery-message.js';
import { topicsUnder } from '../../src/mqtt/topics.js';
import { blocksOf, literalsOf, pages, tableRows } from './pages.js';

function page(path: string) {
  const found = pages().find((one) => one.path === path);
  if (found === undefined) throw new Error(`there is no ${path}`);
  return found;
}

/** As Home Assistant makes an entity id of the names of device and entity. */
const slug = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]+/g, '_');

describe('docs/home-assistant.md', () => {
  const text = page('docs/home-assistant.md');

  it('has automations, scripts and cards that are YAML', () => {
    const blocks = blocksOf(text, 'yaml');
    expect(blocks.length).toBeGreaterThan(4);
    for (const block of blocks) expect(() => parse(block)).not.toThrow();
  });

  it('names entities that are announced', () => {
    const { dev, cmps } = discoveryMessage(
      {
        ...{ node: 'hall', version: '1', device: 'Pi', people: [], snapshots: true },
        cameras: [{ id: 'door', name: 'Front door' }],
      },
      topicsUnder('faceeval'),
    );
    const announced = Object.values(cmps).map((entity) =>
      'name' in entity ? `${entity.p}.${slug(`${dev.name} ${entity.name}`)}` : '',
    );
    const named = text.text.match(/\b(event|image|(binary_)?sensor)\.faceeval_\w+/g) ?? [];
    expect(new Set(named).size).toBeGreaterThan(6);
    expect(named.filter((entity) => !announced.includes(entity))).toEqual([]);
  });
});

describe('docs/mqtt.md', () => {
  it('lists every request with its fields', () => {
    const rows = tableRows(page('docs/mqtt.md'), 'command');
    const documented = new Map(
      rows.flatMap(([commands = '', fields = '']) =>
        literalsOf(commands).map((command) => [command, literalsOf(fields).sort()] as const),
      ),
    );
    expect([...documented.keys()].sort()).toEqual(Object.keys(publicSchemas).sort());
    for (const [command, schema] of Object.entries(publicSchemas)) {
      const fields = Object.keys(schema.shape).filter((field) => field !== 'transaction');
      expect(documented.get(command), command).toEqual(fields.sort());
    }
  });
});
