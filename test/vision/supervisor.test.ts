import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import type { Observation, VisionStats } from '../../src/domain/records.js';
import { VisionSupervisor } from '../../src/vision/supervisor.js';

const dir = mkdtempSync(join(tmpdir(), 'faceeval-supervisor-'));
const startsFile = join(dir, 'starts');

/** What the daemon would have heard. */
class Heard {
  readonly observations: Observation[] = [];
  readonly stats: VisionStats[] = [];
  readonly echoes: unknown[] = [];
  readonly exits: (string | null)[] = [];
  readonly lines: { level: number; msg: string; from?: string }[] = [];
  ready = 0;
  readonly supervisor: VisionSupervisor;

  /** @param plan What each start of the fake vision process does. */
  constructor(plan: string, script = join(import.meta.dirname, 'fake-vision.mjs')) {
    process.env.FAKE_VISION = plan;
    process.env.FAKE_VISION_STARTS = startsFile;
    const config = configSchema.parse({
      cameras: [
        { id: 'door', source: 'none' },
        { id: 'yard', source: 'none' },
      ],
    });
    const log = pino(
      { level: 'debug' },
      { write: (line: string) => this.lines.push(JSON.parse(line)) },
    );
    this.supervisor = new VisionSupervisor({
      script,
      config: { ...config, snapshots: 'off' },
      mode: { fast: false },
      log,
      handlers: {
        observation: (observation) => this.observations.push(observation),
        trackEnded: () => {},
        cameraStatus: ({ reason }) => this.echoes.push(JSON.parse(reason ?? 'null')),
        stats: (stats) => this.stats.push(stats),
        loading: () => {},
        ready: () => {
          this.ready++;
        },
        sourcesEnded: () => {},
        exited: (boot) => this.exits.push(boot),
      },
    });
    this.supervisor.start();
  }

  get errors(): string {
    return this.lines.flatMap(({ level, msg }) => (level >= 50 ? [msg] : [])).join('\n');
  }
}

/** Waits by the real clock, also while timers are faked. */
async function until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<number> {
  const startMs = performance.now();
  while (!holds()) {
    if (performance.now() - startMs > timeoutMs) throw new Error(`never came: ${what}`);
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        clearInterval(timer);
        resolve();
      }, 5);
    });
  }
  return performance.now() - startMs;
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

let heard: Heard;
beforeEach(() => rmSync(startsFile, { force: true }));
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  const pid = heard.supervisor.pid;
  await heard.supervisor.stop();
  if (pid !== undefined) expect(isAlive(pid)).toBe(false);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('VisionSupervisor', () => {
  it('starts the process, hands it its configuration and hears its heartbeat', async () => {
    heard = new Heard('work');
    expect(heard.supervisor.state).toBe('starting');
    await until('stats', () => heard.stats.length > 1);
    expect(heard.supervisor.state).toBe('running');
    expect(heard.errors).toBe('');
    await heard.supervisor.stop();
    expect(heard.supervisor.state).toBe('stopped');
    expect(heard.supervisor.restarts).toBe(0);
  });

  it('is back within seconds after kill -9, and tells which boot ended', async () => {
    heard = new Heard('work');
    await until('running', () => heard.ready === 1);
    process.kill(heard.supervisor.pid as number, 'SIGKILL');
    const recoveryMs = await until('running again', () => heard.ready === 2);
    expect(recoveryMs).toBeLessThan(3_000);
    expect(heard.exits).toEqual(['boot1']);
    expect(heard.supervisor.restarts).toBe(1);
    expect(heard.errors).toMatch(/ended \(SIGKILL\); starting it again/);
  });

  it('hears what a process said before it was killed', async () => {
    heard = new Heard('last-words,work');
    await until('the next start', () => heard.ready === 2);
    expect(heard.observations.map(({ frameId }) => frameId)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    expect(heard.exits).toEqual(['boot1']);
  });

  it('keeps the process out of the terminal, whose Ctrl-C is for the daemon', async () => {
    heard = new Heard('work');
    await until('ready', () => heard.ready === 1);
    const { pid } = heard.supervisor;
    const group = execFileSync('ps', ['-o', 'pgid=', '-p', String(pid)], { encoding: 'utf8' });
    expect(Number(group)).toBe(pid);
  });

  it('waits longer each time while the process cannot start', async () => {
    heard = new Heard('crash,crash,work');
    const passedMs = await until('running', () => heard.ready === 1);
    expect(passedMs).toBeGreaterThan(1_500);
    expect(statSync(startsFile).size).toBe(3);
    expect(heard.exits).toEqual([null, null]);
    expect(heard.errors).toMatch(/exit code 3/);
  });

  it('is degraded but goes on trying when the process ends again and again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    heard = new Heard('crash');
    const { supervisor } = heard;
    for (let failure = 1; failure <= 8; failure++) {
      await until(`failure ${failure}`, () => heard.exits.length === failure);
      expect(supervisor.state).toBe(failure < 8 ? 'waiting' : 'degraded');
      if (failure < 8) vi.advanceTimersByTime(30_000);
    }
    expect(heard.errors).toMatch(/again and again/);
    vi.advanceTimersByTime(119_000);
    expect(supervisor.state).toBe('degraded');
    process.env.FAKE_VISION = 'work';
    vi.advanceTimersByTime(1_000);
    await until('running', () => supervisor.state === 'running');
  });

  it('kills a process that gives no sign of life for ten seconds, and starts another', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    heard = new Heard('hang,work');
    await until('ready', () => heard.ready === 1);
    const hanging = heard.supervisor.pid as number;
    vi.advanceTimersByTime(9_900);
    expect(heard.errors).toBe('');
    vi.advanceTimersByTime(200);
    await until('its end', () => heard.exits.length === 1);
    expect(isAlive(hanging)).toBe(false);
    expect(heard.errors).toMatch(/no sign of life for 10 s/);
    vi.advanceTimersByTime(500);
    await until('running again', () => heard.stats.length > 0);
  });

  it('gives a process its chance when it was this one that did not run', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    heard = new Heard('hang');
    await until('ready', () => heard.ready === 1);
    const nowMs = performance.now();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(nowMs + 60_000);
    vi.advanceTimersByTime(10_000);
    expect(heard.errors).toBe('');
    clock.mockRestore();
    // The new deadline was set by the mocked clock; the next one is by the real one.
    vi.advanceTimersByTime(10_000);
    await until('its end', () => heard.exits.length === 1);
    expect(heard.errors).toMatch(/no sign of life/);
  });

  it('analyses an image, and fails the request when the process dies over it', async () => {
    heard = new Heard('crash-on-image,work');
    await expect(heard.supervisor.analyse(new Uint8Array(3))).rejects.toThrow(/not running/);
    await until('ready', () => heard.ready === 1);
    await expect(heard.supervisor.analyse(new Uint8Array(3))).rejects.toMatchObject({
      code: 'VISION',
      message: expect.stringMatching(/ended over the image/),
      hint: expect.stringMatching(/try again/),
    });
    await until('ready again', () => heard.ready === 2);
    const [three, five] = await Promise.all([
      heard.supervisor.analyse(new Uint8Array(3)),
      heard.supervisor.analyse(new Uint8Array(5)),
    ]);
    expect(three).toMatchObject({ ok: true, frame: { width: 3 } });
    expect(five).toMatchObject({ ok: true, frame: { width: 5 } });
  });

  it('does not wait for an analysis for ever', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    heard = new Heard('silent-on-image');
    await until('ready', () => heard.ready === 1);
    const analysis = heard.supervisor.analyse(new Uint8Array(3));
    const refused = expect(analysis).rejects.toThrow(/not analysed within 20 s/);
    for (let second = 0; second < 20; second++) {
      const beats = heard.stats.length;
      await until('a heartbeat', () => heard.stats.length > beats);
      vi.advanceTimersByTime(1_000);
    }
    await refused;
  });

  it('keeps a camera paused over a restart of the process', async () => {
    heard = new Heard('work');
    await until('ready', () => heard.ready === 1);
    heard.supervisor.pause(null, true);
    heard.supervisor.pause('yard', false);
    await until('both', () => heard.echoes.length === 2);
    process.kill(heard.supervisor.pid as number, 'SIGKILL');
    await until('the pause again', () => heard.echoes.length > 2);
    expect(heard.echoes.slice(2)).toEqual([{ type: 'pause', cameraId: 'door', on: true }]);
  });

  it('takes a flood of observations in order, and passes verdicts back', async () => {
    heard = new Heard('flood');
    await until('all of them', () => heard.observations.length === 5_000);
    expect(heard.observations.map(({ frameId }) => frameId)).toEqual(
      Array.from({ length: 5_000 }, (_, index) => index + 1),
    );
    const [first] = heard.observations;
    expect(first?.template).toBeInstanceOf(Float32Array);
    heard.supervisor.verdict('boot1-door-1', true);
    await until('the verdict', () => heard.echoes.length === 1);
    expect(heard.echoes).toEqual([{ type: 'verdict', trackId: 'boot1-door-1', settled: true }]);
  });

  it.each([
    ['unreal', /template: its length is NaN, not 1/, 0],
    ['resized', /template: 128 numbers, not 192 as before/, 1],
    ['rude', /sent no hello/, 0],
    ['other', /speaks protocol 99, not 1/, 0],
  ])(
    'ends a process whose messages cannot be (%s), and hears no more of it',
    async (plan, reason, taken) => {
      heard = new Heard(`${plan},work`);
      await until('the next one', () => heard.stats.length > 0);
      expect(heard.errors).toMatch(reason);
      expect(heard.observations.length).toBe(taken);
      expect(statSync(startsFile).size).toBe(2);
    },
  );

  it('logs what the process prints, line by line, and keeps it out of its own output', async () => {
    heard = new Heard('print');
    await until('two lines', () => heard.lines.filter(({ from }) => from).length === 2);
    expect(heard.lines.filter(({ from }) => from === 'vision').map(({ msg }) => msg)).toEqual([
      'printed by native code',
      'half a line',
    ]);
  });

  it('makes a process end that does not hear the shutdown', async () => {
    heard = new Heard('deaf');
    await until('ready', () => heard.ready === 1);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const stopped = heard.supervisor.stop();
    vi.advanceTimersByTime(5_000);
    await stopped;
    expect(heard.exits).toEqual(['boot1']);
  });

  it('survives that no process can be started', async () => {
    const { execPath } = process;
    process.execPath = join(dir, 'no-such-program');
    heard = new Heard('work');
    await until('the failure', () => heard.supervisor.state === 'waiting');
    process.execPath = execPath;
    expect(heard.errors).toMatch(/did not start/);
    await until('running', () => heard.ready === 1);
  });
});
