import { closeSync, cpSync, openSync, realpathSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ControlClient } from '../../src/control/control-client.js';
import {
  buildsOf,
  loadManifest,
  pathOf,
  type Role,
  shippedModels,
} from '../../src/models/manifest.js';
import { stateFolder } from '../daemon/state-folder.js';
import { makeClip } from '../vision/camera/clips.js';
import { startDaemon } from './synthetic.js';

/** A copy of the shipped models in which files are damaged. */
function damagedModels(role: Role, isDamaged: (id: string) => boolean): string {
  const folder = join(stateFolder(), 'models');
  // A link would lead the damage to the models themselves.
  cpSync(realpathSync(shippedModels()), folder, { recursive: true, dereference: true });
  if (realpathSync(folder) !== folder) throw new Error(`${folder} is no copy`);
  const manifest = loadManifest(folder);
  for (const build of buildsOf(manifest, role).filter(({ id }) => isDamaged(id))) {
    const [file] = build.files;
    if (file === undefined) throw new Error(`${build.id} has no file`);
    const path = pathOf(manifest, file);
    const handle = openSync(path, 'r+');
    writeSync(handle, Buffer.alloc(64, 0x5a), 0, 64, Math.floor(statSync(path).size / 2));
    closeSync(handle);
  }
  return folder;
}

describe('a damaged model file', { timeout: 300_000 }, () => {
  it('is never loaded: another build takes over', async () => {
    const dir = stateFolder();
    const models = damagedModels('recogniser', (id) => id.includes('int8'));
    const source = makeClip(dir, { name: 'clip.mp4', seconds: 5, fps: 5 });
    const daemon = await startDaemon({
      dir: join(dir, 'run'),
      config: {
        cameras: [{ id: 'door', source, loop: true }],
        models: { dir: models },
        recogniser: { build: 'auto' },
      },
    });
    const loaded = () => (daemon.lastHealth?.builds.length ?? 0) > 1;
    await daemon.until('the models', loaded, 150_000);
    const { builds } = daemon.lastHealth ?? { builds: [] };
    const recogniser = builds.find(({ role }) => role === 'recogniser');
    expect(recogniser?.id).toMatch(/^mobilefacenet-192-fp32/);
    await daemon.stop();
  });

  it('of which there is no other leaves the daemon alive, and its health says what is wrong', async () => {
    const dir = stateFolder();
    const models = damagedModels('detector', () => true);
    const daemon = await startDaemon({
      dir: join(dir, 'run'),
      config: { cameras: [{ id: 'door', source: '/dev/video99' }], models: { dir: models } },
    });
    await daemon.until('the model to be missed', () => daemon.errorCount > 1, 150_000);
    expect(daemon.alive).toBe(true);
    const status = await new ControlClient(join(dir, 'run/state')).ask('status', {});
    expect(status).toMatchObject({ status: 'degraded' });
    expect(daemon.errors.join('\n')).toMatch(/detector|mtcnn/);
    await daemon.stop();
  });
});
