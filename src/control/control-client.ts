import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { OnProgress } from './answer.js';
import type { FeedLine } from './hit-feed.js';
import { type AskOf, type Command, responseSchema } from './request-schemas.js';
import { dataOf } from './response-data.js';
import { controlSocketPath } from './socket-path.js';

export interface AskOptions {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

export interface WatchOptions {
  /** The newest so many hits of before. */
  readonly last?: number | undefined;
  /** Only hits after the one of this id. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The daemon answers; hits come from now on. */
  readonly onOpen?: () => void;
}

/** Speaks with the daemon of a state folder. */
export class ControlClient {
  readonly #socketPath: string;

  constructor(private readonly stateDir: string) {
    this.#socketPath = controlSocketPath(stateDir);
  }

  /**
   * @returns The `data` of the response.
   * @throws FaceEvalError DAEMON when no daemon runs (see {@link isNoDaemon}) or it ends over the
   *   request; else what the daemon says is wrong.
   */
  async ask<C extends Command>(
    command: C,
    fields: AskOf<C>,
    { onProgress, signal }: AskOptions = {},
  ): Promise<unknown> {
    const body = JSON.stringify(fields);
    const reply = await this.#open(
      {
        method: 'POST',
        path: `/requests/${command}`,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
        signal,
      },
      body,
    );
    for await (const line of linesOf(reply)) {
      const { progress, response } = line as { progress?: unknown; response?: unknown };
      if (response !== undefined) return dataOf(responseSchema.parse(response));
      onProgress?.(progress);
    }
    throw ended();
  }

  /** Hits as they are decided, until the daemon ends or the signal comes. */
  async *hits({ last, after, signal, onOpen }: WatchOptions = {}): AsyncGenerator<FeedLine> {
    const query = new URLSearchParams({
      ...(last !== undefined && { last: String(last) }),
      ...(after !== undefined && { after }),
    });
    const reply = await this.#open({ path: `/hits?${query}`, signal });
    onOpen?.();
    for await (const line of linesOf(reply)) yield line as FeedLine;
  }

  #open(options: RequestOptions, body = ''): Promise<IncomingMessage> {
    const { stateDir } = this;
    return new Promise((resolve, reject) => {
      const asked = request({ ...options, socketPath: this.#socketPath, agent: false }, resolve);
      asked.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, stateDir)));
      asked.end(body);
    });
  }
}

/** No daemon runs: what needs none may be done without. */
export function isNoDaemon(error: unknown): boolean {
  if (!(error instanceof FaceEvalError) || error.code !== 'DAEMON') return false;
  return NOBODY.has(String((error.cause as NodeJS.ErrnoException | undefined)?.code));
}

/** No socket, one that nobody listens to, or a folder whose path is no socket's. */
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'EINVAL']);

function explain(cause: NodeJS.ErrnoException, stateDir: string): FaceEvalError {
  if (NOBODY.has(String(cause.code))) {
    return new FaceEvalError('DAEMON', `no faceeval daemon runs with ${stateDir}`, {
      hint: 'start it with `systemctl start faceeval` or `faceeval run`, or name its --config',
      cause,
    });
  }
  if (cause.code === 'EACCES' || cause.code === 'EPERM') {
    return new FaceEvalError('DAEMON', `the daemon of ${stateDir} belongs to another user`, {
      hint: 'run the command as that user, or with sudo',
      cause,
    });
  }
  return new FaceEvalError('DAEMON', `the daemon does not answer: ${messageOf(cause)}`, {
    hint: 'see its log with `faceeval logs`',
    cause,
  });
}

const ended = (cause?: unknown) =>
  new FaceEvalError('DAEMON', 'the daemon ended before it answered', {
    hint: 'see its log with `faceeval logs`, and try again',
    cause,
  });

/** Not with readline: it never tells that the other end broke off. */
async function* linesOf(reply: IncomingMessage): AsyncGenerator<unknown> {
  let rest = '';
  try {
    for await (const text of reply.setEncoding('utf8')) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line);
    }
  } catch (error) {
    throw ended(error);
  }
}
