import { describe, expect, it } from 'vitest';
import { configChanges, withFixedOf } from '../../src/config/changes.js';
import { type ConfigInput, configSchema } from '../../src/config/schema.js';

const parse = (input: ConfigInput) => configSchema.parse(input);
const before = parse({ cameras: [{ id: 'door', source: 'rtsp://a' }] });

describe('configChanges', () => {
  it('finds nothing in equal configurations', () => {
    const again = parse({ cameras: [{ id: 'door', source: 'rtsp://a' }] });
    expect(configChanges(before, again)).toEqual({ live: [], vision: [], restart: [] });
  });

  it('sorts keys by when they take effect', () => {
    const after = parse({
      node: 'attic',
      cameras: [
        { id: 'yard', source: 'csi' },
        { id: 'door', source: 'rtsp://b' },
      ],
      hits: { cooldownMs: 5_000 },
      recogniser: { threshold: 0.6, maxBatch: 6 },
      mqtt: { embedded: { port: 1 } },
      log: { level: 'debug', pretty: true },
    });
    const { live, vision, restart } = configChanges(before, after);
    expect([...live].sort()).toEqual(['hits.cooldownMs', 'log.level', 'recogniser.threshold']);
    expect([...vision].sort()).toEqual([
      'cameras.door.source',
      'cameras.yard',
      'recogniser.maxBatch',
    ]);
    expect([...restart].sort()).toEqual(['log.pretty', 'mqtt.embedded.port', 'node']);
  });

  it('puts every section of the configuration in one of the three', () => {
    for (const section of Object.keys(before)) {
      const after = { ...before, [section]: 'changed' } as unknown as typeof before;
      const given = section === 'cameras' ? { ...before, cameras: [] } : after;
      const { live, vision, restart } = configChanges(before, given);
      expect([...live, ...vision, ...restart].length, section).toBeGreaterThan(0);
    }
  });
});

describe('withFixedOf', () => {
  it('keeps what is fixed and takes the rest', () => {
    const after = parse({
      node: 'attic',
      hits: { shots: 4 },
      log: { level: 'warn', pretty: true },
    });
    const merged = withFixedOf(before, after);
    expect([merged.node, merged.hits.shots]).toEqual(['faceeval', 4]);
    expect(merged.log).toMatchObject({ level: 'warn', pretty: undefined });
    expect(configChanges(merged, after).live).toEqual([]);
  });
});
