import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configJsonSchema, type SchemaNode } from '../../src/config/json-schema.js';
import { loadConfig } from '../../src/config/load.js';
import { maskSecrets, maskUrl } from '../../src/config/mask.js';
import { configReference } from '../../src/config/reference.js';
import { configSchema } from '../../src/config/schema.js';

const ROOT = join(import.meta.dirname, '../..');

describe('docs/config.md', () => {
  it('is what the schema says (`npm run docs` writes it)', () => {
    expect(readFileSync(join(ROOT, 'docs/config.md'), 'utf8')).toBe(configReference());
  });
});

describe('faceeval.example.yaml', () => {
  it('holds as it is shipped, where nothing of it is, with the defaults that it explains', () => {
    const path = join(ROOT, 'faceeval.example.yaml');
    const { config } = loadConfig({ path, environment: {} });
    expect(config.cameras.map(({ id }) => id)).toEqual(['door', 'yard']);
    const { mqtt, recogniser, detector, hits } = configSchema.parse({});
    expect(config).toMatchObject({ mqtt, recogniser, detector, hits });
  });
});

describe('the JSON Schema', () => {
  it('describes every key that a user can set', () => {
    const undescribed: string[] = [];
    const visit = (node: SchemaNode, path: string): void => {
      for (const [key, child] of Object.entries(node.properties ?? {})) {
        const inner = child.items || child;
        if (inner.properties !== undefined) visit(inner, `${path}${key}.`);
        else if (child.description === undefined && child.enum === undefined) {
          undescribed.push(path + key);
        }
      }
    };
    visit(configJsonSchema(), '');
    expect(undescribed).toEqual([]);
  });

  it('forbids keys that do not exist', () => {
    expect(configJsonSchema()).toMatchObject({ additionalProperties: false, type: 'object' });
  });
});

describe('secrets', () => {
  it('do not show', () => {
    const config = configSchema.parse({
      cameras: [{ id: 'a', source: 'rtsp://user:p4ss@host/stream' }],
      mqtt: { url: 'mqtt://user:p4ss@host', password: 'p4ss' },
    });
    expect(JSON.stringify(maskSecrets(config))).not.toContain('p4ss');
    expect(maskSecrets(config).cameras[0]?.source).toBe('rtsp://user:••••@host/stream');
  });

  it.each([
    ['rtsp://admin:p@ss:w0rd@host/1', 'rtsp://admin:••••@host/1'],
    ['rtsp://admin:p/ss?w0rd@host/1', 'rtsp://admin:••••@host/1'],
    ['rtsp://me@home:p4ss@host/1', 'rtsp://me@home:••••@host/1'],
    ['http://h/snap.jpg?usr=admin&pwd=p4ss', 'http://h/snap.jpg?usr=••••&pwd=••••'],
    ['http://h/cgi?user=a&password=a@b=c#d', 'http://h/cgi?user=••••&password=••••'],
    [
      'rtsp://h:554/user=a_password=p4_ss_channel=1_stream=0.sdp?real_stream',
      'rtsp://h:554/user=a_password=••••_channel=1_stream=0.sdp?real_stream',
    ],
    ['rtsp://h/user=a&password=p4ss', 'rtsp://h/user=a&password=••••'],
    ['rtsp://admin@cam:554/live', 'rtsp://admin@cam:554/live'],
    ['rtsp://cam:554/live', 'rtsp://cam:554/live'],
    ['/films/what?=now.mp4', '/films/what?=now.mp4'],
  ])('do not show in %s', (url, shown) => {
    expect(maskUrl(url)).toBe(shown);
  });
});
