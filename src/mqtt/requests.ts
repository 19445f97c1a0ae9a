import type { Logger } from 'pino';
import type { z } from 'zod';
import { nearest } from '../config/problems.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { MqttConnection } from './client.js';
import type { IncomingMessage } from './incoming-message.js';
import {
  type Command,
  type RequestOf,
  type Response,
  requestSchemas,
  type Transaction,
} from './request-schemas.js';
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

/** What the daemon does with each request; what it returns goes back as `data`. */
export type RequestHandlers = {
  readonly [C in Command]: (request: RequestOf<C>) => Promise<unknown>;
};

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
    const read = readRequest(command, payload);
    if ('status' in read) return read;
    const { transaction, ...request } = read.fields;
    const echo = transaction === undefined ? {} : { transaction };
    try {
      const handle = handlers[read.command] as (request: object) => Promise<unknown>;
      const data = (await handle(request)) ?? {};
      log.info({ command }, 'a request was answered');
      return { status: 'ok', data, ...echo };
    } catch (error) {
      if (error instanceof FaceEvalError) {
        return { ...failure(error.message, error.code, error.hint), ...echo };
      }
      log.error({ err: error, command }, 'a request failed');
      return { ...failure(`it failed: ${messageOf(error)}`, 'INTERNAL'), ...echo };
    }
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

interface ReadRequest {
  readonly command: Command;
  readonly fields: { readonly transaction?: Transaction } & Readonly<Record<string, unknown>>;
}

function readRequest(command: string, payload: Buffer): ReadRequest | Response {
  if (!isCommand(command)) {
    const near = nearest(command, Object.keys(requestSchemas));
    const help =
      near === undefined ? Object.keys(requestSchemas).join(', ') : `did you mean ${near}?`;
    return failure(`unknown request "${command.slice(0, 60)}"; ${help}`, 'USAGE');
  }
  if (payload.length > MAX_BYTES) {
    return failure(`the request has ${payload.length} bytes; ${MAX_BYTES} are taken`, 'USAGE');
  }
  let value: unknown;
  try {
    value = payload.length === 0 ? {} : JSON.parse(payload.toString('utf8'));
  } catch (error) {
    return failure(`the request is no JSON: ${messageOf(error)}`, 'USAGE');
  }
  const schema = requestSchemas[command];
  const parsed = schema.safeParse(value);
  if (parsed.success) return { command, fields: parsed.data };
  const echo = transactionOf(value);
  const problems = parsed.error.issues.map((issue) => explain(issue, Object.keys(schema.shape)));
  return { ...failure(problems.join('; '), 'USAGE'), ...echo };
}

function isCommand(command: string): command is Command {
  return Object.hasOwn(requestSchemas, command);
}

/** A refused request gets its transaction back as well, if it has one. */
function transactionOf(value: unknown): { transaction?: Transaction } {
  const parsed = requestSchemas.status.shape.transaction.safeParse(
    (value as { transaction?: unknown } | null)?.transaction,
  );
  return parsed.success && parsed.data !== undefined ? { transaction: parsed.data } : {};
}

function explain(issue: z.core.$ZodIssue, fields: readonly string[]): string {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map((key) => {
        const near = nearest(key, fields);
        const help = near === undefined ? `known: ${fields.join(', ')}` : `did you mean ${near}?`;
        return `unknown field "${key}"; ${help}`;
      })
      .join('; ');
  }
  const field = issue.path.join('.');
  return field === '' ? `the request: ${issue.message}` : `${field}: ${issue.message}`;
}

function failure(error: string, code: string, hint?: string): Response & { status: 'error' } {
  return { status: 'error', error, code, ...(hint !== undefined && { hint }) };
}
