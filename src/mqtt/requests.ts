import type { Logger } from 'pino';
import { answerRequest, failure, type RequestHandlers, transactionOf } from '../control/answer.js';
import type { Response } from '../control/request-schemas.js';
import { messageOf } from '../domain/errors.js';
import type { MqttConnection } from './client.js';
import type { IncomingMessage } from './incoming-message.js';
import { TokenBucket } from './token-bucket.js';
import type { Topics } from './topics.js';

/** A photo of 4.5 MB, in base64. */
const MAX_BYTES = 6 * 1024 * 1024;
/** Requests at once, and a second from then on. */
const BURST = 10;
const PER_SECOND = 2;
/** Requests under way; the others of a burst wait for their turn. */
const MAX_PENDING = 4;
/** What waiting requests may hold: a few photos. */
const MAX_WAITING_BYTES = 4 * MAX_BYTES;
/** Requests refused in words, at once and a second: more would be a flood of ours. */
const MAX_REFUSALS = 10;
const MAX_TOPIC_LENGTH = 512;
/** Larger refused requests hold a photo, and are not read. */
const MAX_READ_BYTES = 64 * 1024;

export interface RequestsOptions {
  readonly connection: Pick<MqttConnection, 'publish' | 'subscribe'>;
  readonly topics: Topics;
  /** First level of Home Assistant's discovery topics: no response goes there. */
  readonly discoveryPrefix: string;
  readonly handlers: RequestHandlers;
  readonly log: Logger;
}

/** Answers `<base>/request/<command>`: each with one response, a bad one with what is wrong. */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #bucket = new TokenBucket(BURST, PER_SECOND);
  readonly #refusals = new TokenBucket(MAX_REFUSALS, MAX_REFUSALS);
  readonly #waiting: (readonly [command: string, IncomingMessage])[] = [];
  #waitingBytes = 0;
  #pending = 0;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  start(): void {
    const { connection, topics } = this.#options;
    connection.subscribe(topics.request('+'), (message) => this.#take(message));
  }

  #take(message: IncomingMessage): void {
    const { log, topics } = this.#options;
    const command = message.topic.slice(topics.request('').length);
    if (message.retained) {
      log.warn(`a retained ${command} request is ignored: nobody knows how old it is`);
      return;
    }
    const refusal = this.#refuse(message);
    if (refusal !== undefined) {
      if (!this.#refusals.take()) return;
      this.#report(message, this.#respond(command, message, refusal));
      return;
    }
    this.#waiting.push([command, message]);
    this.#waitingBytes += message.payload.length;
    this.#next();
  }

  #refuse({ payload }: IncomingMessage): Response | undefined {
    if (!this.#bucket.take()) {
      return refused(`too many requests: ${PER_SECOND} a second are answered`, payload);
    }
    if (this.#waiting.length >= BURST || this.#waitingBytes + payload.length > MAX_WAITING_BYTES) {
      return refused('busy with earlier requests: wait for their responses', payload);
    }
    return undefined;
  }

  #next(): void {
    if (this.#pending >= MAX_PENDING) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    const [command, message] = next;
    this.#waitingBytes -= message.payload.length;
    this.#pending++;
    const done = this.#answer(command, message.payload)
      .finally(() => {
        this.#pending--;
        this.#next();
      })
      .then((response) => this.#respond(command, message, response));
    this.#report(message, done);
  }

  #report({ topic }: IncomingMessage, done: Promise<void>): void {
    done.catch((error: unknown) => {
      this.#options.log.debug(`no response to ${topic}: ${messageOf(error)}`);
    });
  }

  async #answer(command: string, payload: Buffer): Promise<Response> {
    const { handlers, log } = this.#options;
    if (payload.length > MAX_BYTES) {
      return failure(`the request has ${payload.length} bytes; ${MAX_BYTES} are taken`, 'USAGE');
    }
    let value: unknown;
    try {
      value = payload.length === 0 ? {} : JSON.parse(payload.toString('utf8'));
    } catch (error) {
      return failure(`the request is no JSON: ${messageOf(error)}`, 'USAGE');
    }
    return answerRequest(handlers, command, value, { commands: 'public', log });
  }

  async #respond(command: string, message: IncomingMessage, response: Response): Promise<void> {
    const { connection, topics } = this.#options;
    const topic = this.#isFree(message.responseTopic)
      ? message.responseTopic
      : topics.response(command.slice(0, MAX_TOPIC_LENGTH));
    const { correlationData } = message;
    await connection.publish(topic, JSON.stringify(response), {
      ...{ qos: 1, retain: false },
      ...(correlationData !== undefined && { correlationData }),
    });
  }

  /** A request must not make the daemon write where its own messages are, or those of others'. */
  #isFree(topic: string | undefined): topic is string {
    const { discoveryPrefix, topics } = this.#options;
    if (topic === undefined || topic === '' || topic.length > MAX_TOPIC_LENGTH) return false;
    if (/[+#\0]/.test(topic) || topic.startsWith('$')) return false;
    if (topic.startsWith(`${discoveryPrefix}/`)) return false;
    return !topic.startsWith(`${topics.base}/`) || topic.startsWith(topics.response(''));
  }
}

/** A refusal that says which request it is about, where that is quickly found out. */
function refused(error: string, payload: Buffer): Response {
  const small = payload.length <= MAX_READ_BYTES ? payload.toString('utf8') : '';
  return { ...failure(error, 'USAGE'), ...transactionOf(parseJson(small)) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
