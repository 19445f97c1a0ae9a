import type { Logger } from 'pino';
import { answerRequest, failure, type RequestHandlers } from '../control/answer.js';
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
/** Requests under way; each may hold a photo. */
const MAX_PENDING = 4;
const MAX_TOPIC_LENGTH = 512;

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
  /** A flood is told once a second that it is one. */
  readonly #refusals = new TokenBucket(1, 1);
  #pending = 0;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  start(): void {
    const { connection, topics } = this.#options;
    connection.subscribe(topics.request('+'), (message) => {
      this.#take(message).catch((error: unknown) => {
        this.#options.log.debug(`no response to ${message.topic}: ${messageOf(error)}`);
      });
    });
  }

  async #take(message: IncomingMessage): Promise<void> {
    const { log, topics } = this.#options;
    const command = message.topic.slice(topics.request('').length);
    if (message.retained) {
      log.warn(`a retained ${command} request is ignored: nobody knows how old it is`);
      return;
    }
    const refusal = this.#refuse();
    if (refusal !== undefined) {
      if (this.#refusals.take()) await this.#respond(command, message, refusal);
      return;
    }
    this.#pending++;
    try {
      await this.#respond(command, message, await this.#answer(command, message.payload));
    } finally {
      this.#pending--;
    }
  }

  #refuse(): Response | undefined {
    if (!this.#bucket.take()) {
      return failure(`too many requests: ${PER_SECOND} a second are answered`, 'USAGE');
    }
    if (this.#pending >= MAX_PENDING) {
      return failure('busy with earlier requests: wait for their responses', 'USAGE');
    }
    return undefined;
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
