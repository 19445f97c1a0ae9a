import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { type Config, type ConfigInput, configSchema } from '../../src/config/schema.js';
import { Configuration, changeModels } from '../../src/daemon/configuration.js';
import { shippedModels } from '../../src/models/manifest.js';
import { stateFolder } from './state-folder.js';

const cameras = [{ id: 'door', source: '/dev/video0' }];
// The configuration sets its level.
const log = pino(pino.destination('/dev/null'));

function rig() {
  let wanted: Config = configSchema.parse({ cameras });
  const error = vi.spyOn(log, 'error');
  const configuration = new Configuration(wanted, log, () => wanted);
  const reload = (input: ConfigInput, inUse?: string) => {
    wanted = configSchema.parse({ cameras, ...input });
    return configuration.reload(inUse);
  };
  return { configuration, reload, error };
}

/** A folder of models of somebody's own. */
function ownModels(): string {
  const dir = join(stateFolder(), 'models');
  mkdirSync(dir);
  for (const folder of ['int8', 'fp32']) {
    symlinkSync(join(shippedModels(), folder), join(dir, folder));
  }
  const manifest = readFileSync(join(shippedModels(), 'manifest.json'), 'utf8');
  writeFileSync(join(dir, 'manifest.json'), manifest.replaceAll('"id": "', '"id": "my-'));
  return dir;
}

describe('Configuration', () => {
  it.each<[string, ConfigInput, RegExp]>([
    ['a folder of models that is not there', { models: { dir: '/nowhere' } }, /cannot read/],
    ['an unknown build', { recogniser: { build: 'nonsense' } }, /no recogniser "nonsense"/],
    ['the build of another role', { detector: { build: 'mobilefacenet-192-int8' } }, /no detector/],
  ])('refuses %s before anything is taken over', (_what, input, message) => {
    const { configuration, reload, error } = rig();
    const before = configuration.current;
    expect(() => reload({ ...input, hits: { shots: 9 } })).toThrow(message);
    expect(configuration.current).toBe(before);
    expect(error).toHaveBeenLastCalledWith(
      expect.anything(),
      expect.stringContaining('is refused, the old one stays'),
    );
    expect(reload({ hits: { shots: 4 } }, 'mobilefacenet-192-int8').live).toEqual(['hits.shots']);
  });

  it('refuses models whose files are not there', () => {
    const { reload } = rig();
    const dir = ownModels();
    rmSync(join(dir, 'fp32'));
    expect(() => reload({ models: { dir } })).toThrow(/has no detector, or not its files/);
  });

  it('asks for the threshold of the recogniser in use only while its models stay', () => {
    const { reload } = rig();
    expect(() => reload({ recogniser: { targetFar: 0.001 } }, 'nobody-knows')).toThrow(
      /no threshold of nobody-knows/,
    );
    const changes = reload({ models: { dir: ownModels() } }, 'mobilefacenet-192-int8');
    expect(changes.vision).toEqual(['models.dir']);
    expect(changeModels(changes)).toBe(true);
  });
});
