import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Metrics } from '../../src/daemon/metrics.js';

const FOLDER = join(import.meta.dirname, '../../docs/grafana');
const dashboard = readFileSync(join(FOLDER, 'faceeval.json'), 'utf8');
const alerts = readFileSync(join(FOLDER, 'alerts.yaml'), 'utf8');

async function exported(): Promise<Set<string>> {
  const metrics = new Metrics({
    version: '1.0.0',
    ...{ outbox: () => 0, gallery: () => 0, restarts: () => 0, mqttConnected: () => true },
    databaseBytes: () => 0,
    readings: () => ({ temperatureC: 40, memoryFreeBytes: 1 }),
  });
  const all = await metrics.registry.getMetricsAsJSON();
  const names = all.flatMap(({ name, type }) =>
    String(type) === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : name,
  );
  return new Set(names);
}

describe('dashboard and alerts', () => {
  it.each([
    ['dashboard', dashboard],
    ['alerts', alerts],
  ])('the %s asks only for what the daemon exports', async (_name, text) => {
    const expressions: string[] =
      text === dashboard
        ? JSON.parse(text).panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
            targets.map(({ expr }) => expr),
          )
        : parse(text).groups[0].rules.map(({ expr }: { expr: string }) => expr);
    const asked = new Set(expressions.join(' ').match(/\bfaceeval_\w+/g));
    const known = await exported();
    expect(asked.size).toBeGreaterThan(5);
    expect([...asked].filter((name) => !known.has(name))).toEqual([]);
  });
});
