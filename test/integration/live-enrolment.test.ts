import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { DaemonProcess, killDaemons, runProgram, scratchFolder } from './daemon-process.js';

const shared = process.env.FACEEVAL_SHARED ?? join(import.meta.dirname, '../../../shared');
const lfw = join(shared, 'data/lfw');
/** Somebody who looks straight on one photo and to the left on another. */
const [STRAIGHT, LEFT, OTHER] = [
  ['Jean_Chretien', 'Jean_Chretien_0040.jpg'],
  ['Jean_Chretien', 'Jean_Chretien_0036.jpg'],
  ['Tony_Blair', 'Tony_Blair_0018.jpg'],
].map((parts) => join(lfw, ...parts)) as [string, string, string];

const scratch = scratchFolder();
afterAll(() => {
  killDaemons();
  scratch.remove();
});

const SCALE = 'scale=480:480,pad=640:480:80:0,format=yuv420p';

/** A film of stills, each for some seconds. */
function film(
  name: string,
  stills: readonly { photo: string; seconds: number; filter?: string }[],
) {
  const path = join(scratch.dir, name);
  const inputs = stills.flatMap(({ photo, seconds }) => [
    ...['-loop', '1', '-framerate', '15', '-t', String(seconds), '-i', photo],
  ]);
  const parts = stills.map(({ filter = 'null' }, n) => `[${n}]${filter},${SCALE},setsar=1[v${n}]`);
  const joined = stills.map((_, n) => `[v${n}]`).join('');
  const graph = [...parts, `${joined}concat=n=${stills.length}`].join(';');
  execFileSync('ffmpeg', ['-v', 'error', ...inputs, '-filter_complex', graph, path]);
  return path;
}

describe.skipIf(!existsSync(LEFT))('faceeval enroll --camera', { timeout: 120_000 }, () => {
  let turning: string;
  let pair: string;
  beforeAll(() => {
    turning = film('turning.mp4', [
      { photo: STRAIGHT, seconds: 2, filter: 'lutyuv=y=val*0.2' },
      { photo: STRAIGHT, seconds: 3 },
      { photo: LEFT, seconds: 3 },
      { photo: LEFT, seconds: 3, filter: 'hflip' },
    ]);
    const two = join(scratch.dir, 'two.jpg');
    execFileSync('ffmpeg', [
      ...['-v', 'error', '-i', STRAIGHT, '-i', OTHER, '-filter_complex', 'hstack', two],
    ]);
    pair = film('pair.mp4', [{ photo: two, seconds: 5 }]);
  });

  const cameras = () => [
    { id: 'door', source: turning, loop: true },
    { id: 'hall', source: pair, loop: true },
  ];

  /** To the right looks the mirror image of whom the film shows looking to the left. */
  const gallery = { duplicateSimilarity: 0.985 };

  it('leads through the poses, with the daemon and without', async () => {
    const dir = join(scratch.dir, 'home');
    const config = join(dir, 'faceeval.yaml');
    const daemon = await DaemonProcess.start(dir, { cameras: cameras(), gallery });
    await daemon.until('both cameras', () =>
      ['door', 'hall'].every((id) => daemon.stderr.includes(`camera ${id} is online`)),
    );
    const enroll = (...args: string[]) =>
      runProgram(['enroll', ...args, '--config', config, '--json']);

    const done = enroll('Jean', '--camera', 'door', '--note', 'asked');
    expect(done.status, done.stderr).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({
      identity: { name: 'Jean' },
      poses: [
        { pose: 'straight', kind: 'enrolled' },
        { pose: 'left', kind: 'enrolled' },
        { pose: 'right', kind: 'enrolled' },
      ],
    });
    const shown = runProgram(['identities', 'show', 'Jean', '--config', config, '--json']);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      consentNote: 'asked',
      templateList: [{ source: 'camera door, straight' }, {}, {}],
    });

    const again = enroll('Pierre', '--camera', 'door');
    expect([again.status, again.stderr]).toEqual([65, expect.stringMatching(/that of Jean/)]);
    const missing = enroll('Jean', '--camera', 'cellar');
    expect([missing.status, missing.stderr]).toEqual([
      64,
      expect.stringMatching(/there is no camera "cellar"\n.*there is: door, hall/),
    ]);
    await daemon.until('Jean in a hit', () =>
      daemon.hits.some(({ identity }) => identity?.name === 'Jean'),
    );

    const over = await overMqtt(daemon, { name: 'Jean', camera: 'door', transaction: 1 });
    expect(over).toMatchObject({ status: 'ok', data: { kind: 'unchanged' }, transaction: 1 });
    expect(await daemon.stop()).toBe(0);

    const other = join(scratch.dir, 'other');
    mkdirSync(other);
    const own = join(other, 'faceeval.yaml');
    writeFileSync(own, stringify({ stateDir: join(other, 'state'), cameras: cameras(), gallery }));
    const alone = runProgram(['enroll', 'Jean', '--camera', 'door', '--config', own, '--json']);
    expect(alone.status, alone.stderr).toBe(0);
    expect(JSON.parse(alone.stdout).poses).toMatchObject([{ kind: 'enrolled' }, {}, {}]);
  });
});

async function overMqtt({ client }: DaemonProcess, request: object): Promise<unknown> {
  await client.subscribeAsync('faceeval/response/enroll');
  const answer = new Promise((resolve) => {
    client.on('message', (topic, payload) => {
      if (topic === 'faceeval/response/enroll') resolve(JSON.parse(payload.toString()));
    });
  });
  await client.publishAsync('faceeval/request/enroll', JSON.stringify(request), { qos: 1 });
  return answer;
}
