import { chmodSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import { z } from 'zod';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { Hit } from '../domain/records.js';
import { answerRequest, failure, type RequestHandlers } from './answer.js';
import type { HitFeed } from './hit-feed.js';
import { controlSocketPath, MAX_SOCKET_PATH_BYTES } from './socket-path.js';

/** Which hits a watcher wants before the coming ones. */
export interface EarlierHits {
  /** The newest so many. */
  readonly last: number;
  /** Only those after the one of this id: what was missed while there was no connection. */
  readonly after?: string | undefined;
}

export interface ControlServerOptions {
  readonly stateDir: string;
  readonly handlers: RequestHandlers;
  readonly feed: HitFeed;
  /** Oldest first. */
  readonly earlierHits: (wanted: EarlierHits) => readonly Hit[];
  readonly log: Logger;
}

/** A photo of 24 MB, in base64. */
const BODY_BYTES = 32 * 1024 * 1024;
const MAX_CONNECTIONS = 32;
const PROBE_MS = 1_000;
const NDJSON = 'application/x-ndjson';

const earlierHits = z.object({
  last: z.coerce.number().int().min(0).max(1_000).default(0),
  after: z.ulid().optional(),
});

/**
 * Answers the commands of this machine over HTTP on a socket that only the daemon's user may open.
 * `POST /requests/<command>` gives lines of JSON: `{"progress"}` any number of times, then
 * `{"response"}`. `GET /hits` gives a line a hit until either side closes.
 */
export class ControlServer {
  private constructor(
    private readonly app: FastifyInstance,
    private readonly feed: HitFeed,
    private readonly path: string,
  ) {}

  /** @throws FaceEvalError STORE when another daemon works with this state folder. */
  static async start(options: ControlServerOptions): Promise<ControlServer> {
    const path = controlSocketPath(options.stateDir);
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      throw new FaceEvalError('STORE', `the path ${path} is too long for a socket`, {
        hint: `choose a stateDir below ${MAX_SOCKET_PATH_BYTES - 13} bytes`,
      });
    }
    await assertAlone(options.stateDir);
    const app = fastify({ logger: false, bodyLimit: BODY_BYTES });
    app.server.maxConnections = MAX_CONNECTIONS;
    declareRoutes(app, options);
    try {
      await app.ready();
      await listen(app, path);
    } catch (cause) {
      await app.close();
      throw new FaceEvalError('STORE', `${path} cannot be made: ${messageOf(cause)}`, {
        hint: 'check that the state folder belongs to the user of the daemon',
        cause,
      });
    }
    return new ControlServer(app, options.feed, path);
  }

  async stop(): Promise<void> {
    const { feed, app, path } = this;
    feed.close();
    const closed = new Promise((resolve) => app.server.close(resolve));
    // Who waits for an answer now learns that none will come.
    app.server.closeAllConnections();
    await closed;
    await app.close();
    rmSync(path, { force: true });
  }
}

/** A daemon holds a lock on its state folder; whoever answers without one is another's socket. */
async function assertAlone(stateDir: string): Promise<void> {
  if (!(await answers(controlSocketPath(stateDir)))) return;
  throw new FaceEvalError('STORE', `another faceeval works with ${stateDir} already`, {
    hint: '`faceeval status` shows it; give this one another stateDir',
  });
}

/** Binds the socket so that it is never open to others, not even for a moment. */
function listen(app: FastifyInstance, path: string): Promise<void> {
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    app.server.once('error', reject);
    const umask = process.umask(0o177);
    try {
      app.server.listen(path, () => {
        app.server.off('error', reject);
        chmodSync(path, 0o600);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

/** Whether somebody listens; a socket that a killed daemon left is of nobody. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (answer: boolean) => {
      clearTimeout(late);
      socket.destroy();
      resolve(answer);
    };
    const late = setTimeout(() => done(true), PROBE_MS);
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

function declareRoutes(app: FastifyInstance, options: ControlServerOptions): void {
  const { handlers, feed, log } = options;
  app.post<{ Params: { command: string } }>('/requests/:command', async (request, reply) => {
    const gone = new AbortController();
    const out = startLines(reply);
    out.once('close', () => gone.abort());
    const response = await answerRequest(handlers, request.params.command, request.body ?? {}, {
      ...{ commands: 'all', log, signal: gone.signal },
      onProgress: (progress) => out.write(`${JSON.stringify({ progress })}\n`),
    });
    out.end(`${JSON.stringify({ response })}\n`);
  });
  app.get('/hits', (request, reply) => {
    const wanted = earlierHits.safeParse(request.query);
    if (!wanted.success) {
      return reply.code(400).send(refusal(z.prettifyError(wanted.error)));
    }
    const { last, after } = wanted.data;
    const earlier = last === 0 && after === undefined ? [] : options.earlierHits({ last, after });
    feed.add(startLines(reply), earlier);
    return reply;
  });
  app.setErrorHandler((error, _request, reply) => reply.code(400).send(refusal(messageOf(error))));
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send(refusal('there is POST /requests/<command> and GET /hits')),
  );
}

const refusal = (text: string) => ({ response: failure(text, 'USAGE') });

/** Takes the reply out of the framework's hands: what follows is written line by line. */
function startLines(reply: FastifyReply) {
  reply.hijack();
  reply.raw.on('error', () => reply.raw.destroy());
  reply.raw.writeHead(200, { 'content-type': NDJSON });
  reply.raw.flushHeaders();
  return reply.raw;
}
