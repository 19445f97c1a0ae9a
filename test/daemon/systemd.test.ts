import { type Logger, pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Systemd } from '../../src/daemon/systemd.js';
import { waitFor } from '../mqtt/mosquitto.js';
import { NotifySocket, withoutNotify } from './notify-socket.js';

function collect(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return { log: pino({}, { write: (line) => lines.push(JSON.parse(line).msg) }), lines };
}

describe('without systemd', () => {
  it('does and says nothing', async () => {
    const { log, lines } = collect();
    const systemd = new Systemd(log, { PATH: process.env.PATH });
    systemd.extendStart('loading');
    systemd.ready('running');
    systemd.feedWatchdog(() => true);
    systemd.stopping();
    await systemd.flush();
    expect(lines).toEqual([]);
  });

  it('says once what to do when systemd-notify is missing', async () => {
    const { log, lines } = collect();
    const systemd = new Systemd(log, { NOTIFY_SOCKET: '/nowhere', PATH: '/nowhere' });
    systemd.ready('running');
    systemd.status('still');
    await systemd.flush();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/systemd-notify is not installed.*no WatchdogSec/);
  });
});

describe.skipIf(withoutNotify !== null)('with a notify socket', () => {
  let socket: NotifySocket;
  beforeEach(async () => {
    socket = await NotifySocket.open();
  });
  afterEach(() => socket.close());

  function open(more: NodeJS.ProcessEnv = {}) {
    const { log, lines } = collect();
    const environment = { PATH: process.env.PATH, NOTIFY_SOCKET: socket.path, ...more };
    return { systemd: new Systemd(log, environment), lines };
  }

  it('tells the life of the service in order', async () => {
    const { systemd, lines } = open();
    systemd.extendStart('loading models');
    systemd.ready('2 cameras');
    systemd.reloading();
    systemd.ready('3 cameras');
    systemd.extendStart('loading again');
    systemd.stopping();
    await systemd.flush();
    await waitFor(() => socket.messages.length >= 6, 5_000, 'six messages');
    expect(socket.messages).toEqual([
      'EXTEND_TIMEOUT_USEC=60000000|STATUS=loading models',
      'READY=1|STATUS=2 cameras',
      expect.stringMatching(/^RELOADING=1\|MONOTONIC_USEC=\d+$/),
      'READY=1|STATUS=3 cameras',
      'STATUS=loading again',
      'STOPPING=1|STATUS=sending what is left',
    ]);
    expect(lines).toEqual([]);
  });

  it('feeds the watchdog at a third of its period, only while there is progress', async () => {
    const { systemd, lines } = open({ WATCHDOG_USEC: '600000', WATCHDOG_PID: `${process.pid}` });
    let alive = true;
    systemd.feedWatchdog(() => alive);
    await waitFor(() => socket.messages.length >= 3, 3_000, 'three feedings');
    alive = false;
    await new Promise((resolve) => setTimeout(resolve, 250));
    await systemd.flush();
    const fed = socket.messages.length;
    await new Promise((resolve) => setTimeout(resolve, 900));
    expect(socket.messages.length).toBe(fed);
    expect(lines).toEqual([expect.stringContaining('no frame was worked on')]);
    alive = true;
    await waitFor(() => socket.messages.length > fed, 3_000, 'feeding again');
    systemd.stopping();
    expect(new Set(socket.messages)).toEqual(new Set(['WATCHDOG=1']));
  });

  it.each([
    ['no watchdog is asked for', {}],
    ['it is meant for another process', { WATCHDOG_USEC: '300000', WATCHDOG_PID: '1' }],
  ])('leaves the watchdog alone when %s', async (_when, environment) => {
    const { systemd } = open(environment);
    systemd.feedWatchdog(() => true);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await systemd.flush();
    expect(socket.messages).toEqual([]);
  });
});
