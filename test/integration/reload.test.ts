import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { ConfigInput } from '../../src/config/schema.js';
import { statusSchema } from '../../src/daemon/status-report.js';
import { writeEnrolmentPhotos } from '../../src/demo/footage.js';
import { DaemonProcess, killDaemons, runProgram, scratchFolder } from './daemon-process.js';

const scratch = scratchFolder();
/** A folder of one photo is a camera before which somebody sits still. */
const photos = join(scratch.dir, 'photos');
const home = join(scratch.dir, 'home');
const path = join(home, 'faceeval.yaml');

beforeAll(async () => {
  mkdirSync(photos);
  await writeEnrolmentPhotos(photos);
  rmSync(join(photos, 'Nadia.jpg'));
});
afterAll(() => {
  killDaemons();
  scratch.remove();
});

describe('SIGHUP', { timeout: 120_000 }, () => {
  const door = { id: 'door', source: photos, fps: 5, loop: true };
  const yard = { id: 'yard', source: photos, fps: 5, loop: true };
  let daemon: DaemonProcess;
  let port: number;

  const status = () =>
    statusSchema.parse(JSON.parse(runProgram(['status', '--json', '--config', path]).stdout));

  /** Writes another configuration and has it read. @returns What the log says until `until`. */
  async function reload(config: ConfigInput | string, until: RegExp): Promise<string> {
    const full: ConfigInput = {
      stateDir: join(home, 'state'),
      http: { enabled: false },
      mqtt: { url: 'embedded', embedded: { port } },
      ...(typeof config === 'string' ? {} : config),
    };
    writeFileSync(path, typeof config === 'string' ? config : stringify(full));
    const before = daemon.stderr.length;
    daemon.child.kill('SIGHUP');
    await daemon.until(String(until), () => until.test(daemon.stderr.slice(before)));
    return daemon.stderr.slice(before);
  }

  beforeAll(async () => {
    daemon = await DaemonProcess.start(home, { cameras: [door] });
    port = parse(readFileSync(path, 'utf8')).mqtt.embedded.port;
    await daemon.until('the camera', () => daemon.cameraStates.includes('online'));
  });

  it('takes over thresholds, cooldowns, retention and the log level at once', async () => {
    const pid = daemon.visionPid();
    const log = await reload(
      {
        cameras: [door],
        recogniser: { threshold: 0.87 },
        hits: { cooldownMs: 1_234 },
        retention: { hitsDays: 3 },
        log: { level: 'debug' },
      },
      /were read anew/,
    );
    for (const key of [
      'recogniser.threshold',
      'hits.cooldownMs',
      'retention.hitsDays',
      'log.level',
    ]) {
      expect(log).toContain(key);
    }
    expect(status().gallery.threshold).toBe(0.87);
    expect(daemon.visionPid()).toBe(pid);
  });

  it('keeps the old configuration when the new one is wrong, and says where', async () => {
    const log = await reload('cameras: []\nhits: {shotz: 1}\n', /is refused, the old one stays/);
    expect(log).toMatch(
      /faceeval\.yaml:2:8: unknown key \\"shotz\\" in hits; did you mean shots\?/,
    );
    expect(await reload('cameras: []\n', /is refused/)).toMatch(/there is no camera to watch/);
    expect(daemon.child.exitCode).toBeNull();
    writeFileSync(path, stringify({ stateDir: join(home, 'state'), cameras: [door] }));
    const { gallery, cameras } = status();
    expect([gallery.threshold, cameras.map(({ camera }) => camera)]).toEqual([0.87, ['door']]);
  });

  it('refuses models that are not there, and takes over what is right afterwards', async () => {
    const log = await reload({ cameras: [yard], models: { dir: '/nowhere' } }, /is refused/);
    expect(log).toMatch(/cannot read \/nowhere\/manifest\.json/);
    expect(status().cameras.map(({ camera }) => camera)).toEqual(['door']);
    const right = { cameras: [door], hits: { presenceWindowMs: 4_321 } };
    expect(await reload(right, /were read anew/)).toContain('hits.presenceWindowMs');
  });

  it('adds and removes cameras by starting the vision process again', async () => {
    const pid = daemon.visionPid();
    const log = await reload({ cameras: [door, yard] }, /camera yard is online/);
    expect(log).toMatch(/"keys":\["cameras\.yard"\],"msg":"changed: the vision process is started/);
    expect(daemon.visionPid()).not.toBe(pid);
    await daemon.until('both cameras', () =>
      status().cameras.every(({ state }) => state === 'online'),
    );
    expect(status().cameras.map(({ camera }) => camera)).toEqual(['door', 'yard']);

    await reload({ cameras: [yard] }, /running: 1 cameras/);
    await daemon.until('the one camera', () => status().cameras[0]?.state === 'online');
    expect(status().cameras.map(({ camera }) => camera)).toEqual(['yard']);
    await daemon.until('hits of the new camera', () =>
      daemon.hits.some(({ camera }) => camera === 'yard'),
    );
    const retained = new Map<string, string>();
    daemon.client.on('message', (topic, payload) => retained.set(topic, payload.toString()));
    await daemon.client.subscribeAsync('faceeval/cameras/+/presence');
    await daemon.until('the presence of what is left', () =>
      retained.has('faceeval/cameras/yard/presence'),
    );
    // Cleared after some seconds: a camera that comes back at once keeps its topic.
    await daemon.until(
      'the presence of the camera that is gone to be cleared',
      () => (retained.get('faceeval/cameras/door/presence') ?? '') === '',
    );
  });

  it('names what it cannot change', async () => {
    const log = await reload({ cameras: [yard], node: 'attic' }, /were read anew/);
    expect(log).toContain('not changed before the daemon is started again: node');
  });

  it('answers a request to reload with what changed, or what is wrong', async () => {
    const answers: unknown[] = [];
    await daemon.client.subscribeAsync('faceeval/response/reload');
    daemon.client.on('message', (topic, payload) => {
      if (topic.endsWith('/reload')) answers.push(JSON.parse(payload.toString()));
    });
    const ask = async () => {
      const count = answers.length;
      await daemon.client.publishAsync('faceeval/request/reload', '', { qos: 1 });
      await daemon.until('the answer', () => answers.length > count);
      return answers.at(-1);
    };
    expect(await ask()).toMatchObject({ status: 'ok', data: { live: [], vision: [] } });
    writeFileSync(path, 'nonsense: true\n');
    expect(await ask()).toMatchObject({
      status: 'error',
      code: 'CONFIG',
      error: expect.stringContaining('unknown key "nonsense"'),
    });
    expect(await daemon.stop()).toBe(0);
  });
});
