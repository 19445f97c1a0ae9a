import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { renderFootage, SAMPLE_THRESHOLD, writeEnrolmentPhotos } from '../../src/demo/footage.js';
import type { Hit } from '../../src/domain/records.js';
import { DaemonProcess, killDaemons, runProgram, scratchFolder } from './daemon-process.js';

const scratch = scratchFolder();
const footage = join(scratch.dir, 'footage.mp4');
const people = join(scratch.dir, 'people');

beforeAll(async () => {
  mkdirSync(people);
  await Promise.all([renderFootage(footage), writeEnrolmentPhotos(people)]);
});
afterEach(killDaemons);
afterAll(() => scratch.remove());

/** Runs a command with a configuration from the environment. */
function runWith(environment: Record<string, string>, args: readonly string[]) {
  return runProgram(args, { ...process.env, ...environment });
}

/** A folder whose state has the two people of the demo enrolled. */
function enrolled(name: string): string {
  const dir = join(scratch.dir, name);
  const environment = { FACEEVAL__STATEDIR: join(dir, 'state') };
  const { status, stdout } = runWith(environment, ['enroll', '--from', people, '--json']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([{ kind: 'enrolled' }, { kind: 'enrolled' }]);
  return dir;
}

const namesOf = (hits: readonly Hit[]): string[] =>
  hits.flatMap(({ identity }) => identity?.name ?? []).sort();

describe('the daemon', { timeout: 120_000 }, () => {
  it('recognises enrolled people in footage of other photos, and leaves strangers unknown', async () => {
    const dir = enrolled('main-job');
    const daemon = await DaemonProcess.start(dir, {
      cameras: [{ id: 'door', source: footage }],
      recogniser: { threshold: SAMPLE_THRESHOLD },
    });
    await daemon.until(
      'the end of the footage',
      () => daemon.cameraStates.includes('ended'),
      60_000,
    );
    await daemon.until('all hits', () => daemon.hits.length >= 8);
    expect(await daemon.ended()).toBe(0);

    expect(namesOf(daemon.hits)).toEqual(['Freya', 'Nadia']);
    expect(daemon.hits.filter(({ type }) => type === 'unknown').length).toBeGreaterThanOrEqual(6);
    for (const hit of daemon.hits) {
      expect(hit.schema).toBe(1);
      expect(hit.id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
      expect(hit.camera).toBe('door');
      expect(hit.delayed).toBeUndefined();
      expect(hit.frame).toEqual({ width: 640, height: 480 });
      expect(hit.latencyMs.total).toBeGreaterThan(0);
      expect(Date.now() - Date.parse(hit.time)).toBeLessThan(120_000);
    }
    expect(new Set(daemon.hits.map(({ id }) => id)).size).toBe(daemon.hits.length);
    const db = new Sqlite(join(dir, 'state/faceeval.db'), { readonly: true });
    expect(db.prepare('SELECT COUNT(*) AS n FROM hits').get()).toEqual({ n: daemon.hits.length });
    expect(db.prepare('SELECT COUNT(*) AS n FROM outbox').get()).toEqual({ n: 0 });
    db.close();
    expect(statSync(join(dir, 'state/faceeval.db')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'state')).mode & 0o777).toBe(0o700);
  });

  it('goes on within ten seconds after the vision process was killed, losing and doubling nothing', async () => {
    const dir = enrolled('killed');
    const daemon = await DaemonProcess.start(dir, {
      cameras: [{ id: 'door', source: footage, loop: true }],
      hits: { cooldownMs: 1_000, unknownCooldownMs: 1_000 },
    });
    await daemon.until('a first hit', () => daemon.hits.length > 0);
    const before = daemon.hits.length;
    process.kill(daemon.visionPid(), 'SIGKILL');
    const killedMs = performance.now();
    await daemon.until('a hit after the kill', () => daemon.hits.length > before, 15_000);
    expect(performance.now() - killedMs).toBeLessThan(10_000);
    expect(await daemon.stop()).toBe(0);

    const ids = daemon.hits.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const db = new Sqlite(join(dir, 'state/faceeval.db'), { readonly: true });
    const stored = db.prepare<[], { id: string }>('SELECT id FROM hits ORDER BY id').all();
    const waiting = db.prepare<[], { hit_id: string }>('SELECT hit_id FROM outbox').all();
    db.close();
    const known = new Set([...ids, ...waiting.map(({ hit_id }) => hit_id)]);
    expect(stored.filter(({ id }) => !known.has(id))).toEqual([]);
  });

  it('processes a file as fast as it can and prints the figures', () => {
    const { status, stdout, stderr } = runWith(
      {
        FACEEVAL__STATEDIR: join(enrolled('fast'), 'state'),
        FACEEVAL__RECOGNISER__THRESHOLD: String(SAMPLE_THRESHOLD),
        FACEEVAL__MQTT__EMBEDDED__PORT: '0',
        FACEEVAL__HTTP__ENABLED: 'false',
      },
      ['run', '--source', footage, '--fast', '--stats', '--json'],
    );
    expect(stderr).not.toMatch(/"level":(50|60)/);
    expect(status).toBe(0);
    const figures = JSON.parse(stdout) as Record<string, number>;
    expect(figures).toMatchObject({ frames: 360, hits: 2 });
    expect(figures.unknowns).toBeGreaterThanOrEqual(6);
    expect(figures.fps).toBeGreaterThan(0);
    expect(figures.peakRssBytes).toBeGreaterThan(50_000_000);
  });

  it('ends with an error when not one frame could be read', () => {
    const film = join(scratch.dir, 'no-film.mp4');
    writeFileSync(film, 'this is no film');
    const { status, stderr } = runWith(
      {
        FACEEVAL__STATEDIR: join(scratch.dir, 'no-film'),
        FACEEVAL__MQTT__EMBEDDED__PORT: '0',
        FACEEVAL__HTTP__ENABLED: 'false',
      },
      ['run', '--source', film, '--fast'],
    );
    expect(stderr).toMatch(/no frame could be read from any source/);
    expect(status).toBe(74);
  });

  it('says what is wrong with a camera and keeps running', async () => {
    const dir = join(scratch.dir, 'no-camera');
    const daemon = await DaemonProcess.start(dir, {
      cameras: [
        { id: 'gone', source: join(dir, 'no-such-film.mp4') },
        { id: 'away', source: 'rtsp://127.0.0.1:9/none' },
      ],
    });
    await daemon.until('both states', () =>
      ['lost', 'reconnecting'].every((state) => daemon.cameraStates.includes(state)),
    );
    expect(daemon.child.exitCode).toBeNull();
    expect(daemon.stderr).toMatch(/there is no file/);
    expect(daemon.stderr).toMatch(/nothing answers at this address/);
    expect(await daemon.stop()).toBe(0);
  });

  it('sets a database aside that is none, says so and starts with an empty gallery', async () => {
    const dir = enrolled('damaged');
    writeFileSync(join(dir, 'state/faceeval.db'), 'this is no database, but a text of some length');
    const daemon = await DaemonProcess.start(dir, { cameras: [{ id: 'door', source: footage }] });
    await daemon.until('the camera', () => daemon.cameraStates.includes('online'));
    expect(await daemon.stop()).toBe(0);
    expect(daemon.stderr).toMatch(/was damaged .* is kept as/);
    expect(readFileSync(join(dir, 'state/faceeval.db')).subarray(0, 15).toString()).toBe(
      'SQLite format 3',
    );
  });

  it('refuses a taken MQTT port with a message that says what to do', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { status, stderr } = runWith(
      {
        FACEEVAL__STATEDIR: join(scratch.dir, 'taken'),
        FACEEVAL__MQTT__EMBEDDED__PORT: String(port),
      },
      ['run', '--source', footage],
    );
    server.close();
    expect(status).toBe(76);
    expect(stderr).toMatch(new RegExp(`port ${port}.*is taken`, 's'));
    expect(stderr).toMatch(/mqtt\.embedded\.port/);
  });
});
