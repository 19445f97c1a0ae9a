import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RequestHandlers } from '../../src/control/answer.js';
import { ControlClient, isNoDaemon } from '../../src/control/control-client.js';
import { ControlServer } from '../../src/control/control-server.js';
import { type FeedLine, HitFeed } from '../../src/control/hit-feed.js';
import { controlSocketPath } from '../../src/control/socket-path.js';
import { FaceEvalError } from '../../src/domain/errors.js';
import type { Hit } from '../../src/domain/records.js';
import { hitOf } from '../hits/records.js';
import { waitFor } from '../mqtt/mosquitto.js';

const log = pino({ level: 'silent' });
const idOf = (n: number): string => `01JD${String(n).padStart(22, '0')}`;

let dir: string;
let feed: HitFeed;
const servers: ControlServer[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'faceeval-control-'));
  feed = new HitFeed();
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function serve(
  own: Partial<RequestHandlers> = {},
  earlier: Hit[] = [],
): Promise<ControlClient> {
  const handlers = {
    people: async () => [{ name: 'Ann' }],
    forget: async ({ person }: { person: string }) => {
      throw new FaceEvalError('USAGE', `nobody is called "${person}"`, { hint: 'it has: Ann' });
    },
    ...own,
  } as RequestHandlers;
  const earlierHits = ({ last, after }: { last: number; after?: string | undefined }) =>
    after === undefined ? earlier.slice(-last) : earlier.filter(({ id }) => id > after);
  servers.push(await ControlServer.start({ stateDir: dir, handlers, feed, earlierHits, log }));
  return new ControlClient(dir);
}

async function rejection(work: Promise<unknown>): Promise<FaceEvalError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof FaceEvalError) return error;
  throw new Error(`not refused as expected: ${String(error)}`);
}

describe('the control socket', () => {
  it('may be opened by its owner only', async () => {
    await serve();
    expect(statSync(controlSocketPath(dir)).mode & 0o777).toBe(0o600);
  });

  it('is gone after a clean end, and one that a killed daemon left is replaced', async () => {
    await serve();
    await servers.pop()?.stop();
    expect(() => statSync(controlSocketPath(dir))).toThrow(/ENOENT/);
    writeFileSync(controlSocketPath(dir), '');
    expect(await (await serve()).ask('people', {})).toEqual([{ name: 'Ann' }]);
  });

  it('keeps a second daemon from the same state folder', async () => {
    const client = await serve();
    const error = await rejection(serve() as Promise<unknown>);
    expect([error.code, error.message]).toEqual([
      'STORE',
      `another faceeval works with ${dir} already`,
    ]);
    expect(await client.ask('people', {})).toEqual([{ name: 'Ann' }]);
  });

  it('says what is wrong when the path is too long for a socket', async () => {
    dir = join(dir, 'x'.repeat(100));
    expect((await rejection(serve())).message).toMatch(/too long for a socket/);
  });
});

describe('ControlClient', () => {
  it('tells that no daemon runs from a daemon that is not ours', async () => {
    const missing = await rejection(new ControlClient(dir).ask('status', {}));
    expect([missing.exitCode, isNoDaemon(missing)]).toEqual([3, true]);
    expect(missing.message).toBe(`no faceeval daemon runs with ${dir}`);
    writeFileSync(controlSocketPath(dir), '');
    expect(isNoDaemon(await rejection(new ControlClient(dir).ask('status', {})))).toBe(true);
  });

  it.skipIf(process.getuid?.() === 0)('names the rights when they are missing', async () => {
    const client = await serve();
    chmodSync(controlSocketPath(dir), 0);
    const error = await rejection(client.ask('people', {}));
    expect([error.code, isNoDaemon(error)]).toEqual(['DAEMON', false]);
    expect(error.message).toMatch(/belongs to another user/);
  });

  it('passes on what the daemon says is wrong', async () => {
    const error = await rejection((await serve()).ask('forget', { person: 'Bob' }));
    expect([error.code, error.message, error.hint]).toEqual([
      'USAGE',
      'nobody is called "Bob"',
      'it has: Ann',
    ]);
  });

  it('refuses what no schema knows, with the reason', async () => {
    const client = await serve();
    const wrong = client.ask('forget', { persn: 'Bob' } as never);
    expect((await rejection(wrong)).message).toMatch(
      /unknown field "persn"; did you mean person\?/,
    );
    const unknown = client.ask('dance' as never, {} as never);
    expect((await rejection(unknown)).message).toMatch(/unknown request "dance"/);
  });

  it('hears of progress before the answer', async () => {
    const client = await serve({
      people: async (_request, onProgress) => {
        for (const n of [1, 2, 3]) onProgress({ n });
        return 'done';
      },
    });
    const steps: unknown[] = [];
    expect(await client.ask('people', {}, { onProgress: (step) => steps.push(step) })).toBe('done');
    expect(steps).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('tells the handler when it leaves', async () => {
    let gone = false;
    let begun = false;
    const client = await serve({
      people: (_request, _onProgress, signal) => {
        begun = true;
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            gone = true;
            resolve(undefined);
          });
        });
      },
    });
    const leave = new AbortController();
    const asked = client.ask('people', {}, { signal: leave.signal }).catch(() => undefined);
    await waitFor(() => begun, 2_000, 'the request');
    leave.abort();
    await asked;
    await waitFor(() => gone, 2_000, 'the end of the request');
  });

  it('notices that the daemon ends over a request', async () => {
    const client = await serve({ people: () => new Promise(() => {}) });
    const asked = rejection(client.ask('people', {}));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await servers.pop()?.stop();
    expect(await asked).toMatchObject({ code: 'DAEMON' });
  });
});

describe('the stream of hits', () => {
  async function watch(client: ControlClient, options = {}): Promise<FeedLine[]> {
    const lines: FeedLine[] = [];
    let open = false;
    const onOpen = () => {
      open = true;
    };
    const reading = (async () => {
      for await (const line of client.hits({ ...options, onOpen })) lines.push(line);
    })();
    reading.catch(() => undefined);
    await waitFor(() => open && feed.size > 0, 2_000, 'the stream');
    return lines;
  }

  it('begins with what was asked for and goes on with what comes', async () => {
    const earlier = [1, 2, 3].map((n) => hitOf(idOf(n)));
    const client = await serve({}, earlier);
    const last = await watch(client, { last: 2 });
    const after = await watch(client, { after: idOf(1) });
    const plain = await watch(client);
    feed.publish(hitOf(idOf(4)));
    await waitFor(() => plain.length > 0 && last.length > 2, 2_000, 'the hit');
    const ids = (lines: FeedLine[]) => lines.map((line) => 'hit' in line && line.hit.id);
    expect(ids(last)).toEqual([idOf(2), idOf(3), idOf(4)]);
    expect(ids(after)).toEqual([idOf(2), idOf(3), idOf(4)]);
    expect(ids(plain)).toEqual([idOf(4)]);
  });

  it('forgets a reader that disconnects in the middle', async () => {
    const client = await serve();
    const leave = new AbortController();
    await watch(client, { signal: leave.signal });
    const stays = await watch(client);
    leave.abort();
    await waitFor(() => feed.size === 1, 2_000, 'the reader to be forgotten');
    feed.publish(hitOf(idOf(1)));
    await waitFor(() => stays.length === 1, 2_000, 'the hit for the other reader');
  });

  it('keeps a bounded amount for a reader that does not read, and tells it what it missed', async () => {
    const client = await serve();
    const socket = connect(controlSocketPath(dir));
    socket.write('GET /hits HTTP/1.1\r\nhost: x\r\n\r\n');
    socket.pause();
    await waitFor(() => feed.size === 1, 2_000, 'the slow reader');
    const quick = await watch(client);
    const count = 5_000;
    for (let n = 1; n <= count; n++) {
      feed.publish(hitOf(idOf(n)));
      if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor(() => quick.length >= count, 5_000, 'all hits at the quick reader');
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    socket.resume();
    await waitFor(() => text.includes('"dropped"'), 5_000, 'the count of what was left out');
    const dropped = Number(/"dropped":(\d+)/.exec(text)?.[1]);
    const received = text.split('"hit"').length - 1;
    expect(received + dropped).toBe(count);
    // Half a megabyte for the reader, and what the kernel holds of the socket.
    expect(text.length).toBeLessThan(1_500_000);
    socket.destroy();
  });

  it('ends with the daemon', async () => {
    const client = await serve();
    const done = (async () => {
      for await (const _line of client.hits()) {
        // Only the end matters.
      }
    })();
    await waitFor(() => feed.size === 1, 2_000, 'the stream');
    await servers.pop()?.stop();
    await done.catch((error: unknown) => expect(error).toMatchObject({ code: 'DAEMON' }));
  });
});
