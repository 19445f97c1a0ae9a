import type { Logger } from 'pino';
import type { z } from 'zod';
import { nearest } from '../config/problems.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import {
  type Command,
  publicSchemas,
  type RequestOf,
  type Response,
  requestSchemas,
  type Transaction,
} from './request-schemas.js';

/** Told what is going on while a request takes its time. */
export type OnProgress = (step: unknown) => void;

/** What is done with each request; what it returns goes back as `data`. */
export type RequestHandlers<C extends Command = Command> = {
  readonly [K in C]: (
    request: RequestOf<K>,
    onProgress: OnProgress,
    signal: AbortSignal,
  ) => Promise<unknown>;
};

/** Who asks, and how. */
export interface AskContext {
  /** What may be asked: over MQTT less than through the socket. */
  readonly commands: 'public' | 'all';
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly onProgress?: OnProgress;
  /** The asker is gone. */
  readonly signal?: AbortSignal;
}

/**
 * Checks a request, has it handled, and puts what came of it into words. Never throws.
 *
 * @param handlers What can be done here; the rest needs the daemon.
 * @param value What was asked, as parsed from JSON.
 */
export async function answerRequest(
  handlers: Partial<RequestHandlers>,
  command: string,
  value: unknown,
  { commands, log, onProgress = () => {}, signal = NEVER }: AskContext,
): Promise<Response> {
  const read = readRequest(command, value, commands);
  if ('status' in read) return read;
  const { transaction, ...request } = read.fields;
  const echo = transaction === undefined ? {} : { transaction };
  try {
    const handle = handlers[read.command] as Handle | undefined;
    if (handle === undefined) {
      throw new FaceEvalError('DAEMON', `only a running daemon can answer ${command}`, {
        hint: 'start it with `systemctl start faceeval` or `faceeval run`',
      });
    }
    const data = (await handle(request, onProgress, signal)) ?? {};
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

type Handle = (request: object, onProgress: OnProgress, signal: AbortSignal) => Promise<unknown>;

const NEVER = new AbortController().signal;

/** An answer that says what is wrong. */
export function failure(
  error: string,
  code: string,
  hint?: string,
): Response & { status: 'error' } {
  return { status: 'error', error, code, ...(hint !== undefined && { hint }) };
}

interface ReadRequest {
  readonly command: Command;
  readonly fields: { readonly transaction?: Transaction } & Readonly<Record<string, unknown>>;
}

function readRequest(
  command: string,
  value: unknown,
  commands: AskContext['commands'],
): ReadRequest | Response {
  const known = commands === 'all' ? requestSchemas : publicSchemas;
  if (!Object.hasOwn(known, command)) {
    const near = nearest(command, Object.keys(known));
    const help = near === undefined ? Object.keys(known).join(', ') : `did you mean ${near}?`;
    const error = `unknown request "${command.slice(0, 60)}"; ${help}`;
    return { ...failure(error, 'USAGE'), ...transactionOf(value) };
  }
  const schema = requestSchemas[command as Command];
  const parsed = schema.safeParse(value);
  if (parsed.success) return { command: command as Command, fields: parsed.data };
  const echo = transactionOf(value);
  const problems = parsed.error.issues.map((issue) => explain(issue, Object.keys(schema.shape)));
  return { ...failure(problems.join('; '), 'USAGE'), ...echo };
}

/** A refused request gets its transaction back as well, if it has one. */
export function transactionOf(value: unknown): { transaction?: Transaction } {
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
