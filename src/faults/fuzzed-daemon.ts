import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Response, responseSchema } from '../control/request-schemas.js';
import { controlSocketPath } from '../control/socket-path.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { DaemonUnderTest } from './daemon-under-test.js';

const ANSWER_MS = 30_000;
const VISION_BACK_MS = 90_000;
const POLL_MS = 200;
const WIRE_MS = 15;

/** What came back over the daemon's socket. */
export type Reply =
  | { readonly kind: 'response'; readonly response: Response }
  /** Nothing that a client could read: always a finding. */
  | { readonly kind: 'nonsense'; readonly what: string };

/** Sends anything to a running daemon, as any client of its could. */
export class FuzzedDaemon {
  readonly #socketPath: string;

  constructor(readonly daemon: DaemonUnderTest) {
    this.#socketPath = controlSocketPath(daemon.stateDir);
  }

  /** Asks over the socket, with any bytes as the body. */
  async ask(command: string, body: Uint8Array | string): Promise<Reply> {
    try {
      const { status, text } = await this.#post(command, body);
      if (status >= 500) return { kind: 'nonsense', what: `HTTP ${status}: ${text.slice(0, 200)}` };
      const last: unknown = JSON.parse(text.trim().split('\n').at(-1) ?? '');
      return {
        kind: 'response',
        response: responseSchema.parse((last as { response: unknown }).response),
      };
    } catch (error) {
      return { kind: 'nonsense', what: messageOf(error) };
    }
  }

  /** State of the vision process as the daemon tells it. */
  async visionState(): Promise<string> {
    return String((await this.#vision()).state);
  }

  /** How often it had to be started again. */
  async visionRestarts(): Promise<number> {
    return Number((await this.#vision()).restarts ?? 0);
  }

  /** @throws FaceEvalError VISION when it does not run in time. */
  async visionRuns(): Promise<void> {
    for (let waitedMs = 0; waitedMs < VISION_BACK_MS; waitedMs += POLL_MS) {
      if ((await this.visionState()) === 'running') return;
      await delay(POLL_MS);
    }
    throw new FaceEvalError('VISION', 'the vision process does not come back', {
      hint: 'the image that ended it last lies beside the log',
    });
  }

  /** Sends bytes to the broker as a client that connects, speaks and leaves. */
  wire(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(this.daemon.brokerPort, '127.0.0.1', () => {
        socket.write(bytes);
        setTimeout(() => socket.destroy(), WIRE_MS);
      });
      socket.on('error', () => {
        // The broker may end what it does not understand.
      });
      socket.on('data', () => {});
      socket.once('close', () => resolve());
    });
  }

  async #vision(): Promise<{ readonly state?: unknown; readonly restarts?: unknown }> {
    const reply = await this.ask('status', '{}');
    if (reply.kind !== 'response' || reply.response.status !== 'ok') return {};
    return (reply.response.data as { vision?: object }).vision ?? {};
  }

  #post(command: string, body: Uint8Array | string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          ...{ method: 'POST', socketPath: this.#socketPath, agent: false, timeout: ANSWER_MS },
          path: `/requests/${encodeURIComponent(command)}`,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          },
        },
        (reply: IncomingMessage) => {
          let text = '';
          reply.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          reply.once('end', () => resolve({ status: reply.statusCode ?? 0, text }));
          reply.once('error', reject);
        },
      );
      asked.once('timeout', () => asked.destroy(new Error(`no answer in ${ANSWER_MS / 1000} s`)));
      asked.once('error', reject);
      asked.end(body);
    });
  }
}
