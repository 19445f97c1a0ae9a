import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../domain/errors.js';
import type { Identity } from '../domain/records.js';
import type { MqttConnection } from './client.js';
import type { IncomingMessage } from './incoming-message.js';
import type { Topics } from './topics.js';

/** Whether the broker still retains anything about somebody. */
export interface BrokerRemains {
  /** The broker was asked; if not, its topics are cleared once it is there again. */
  readonly asked: boolean;
  /** Why it could not be asked. */
  readonly reason?: string;
  /** Topics whose retained message still names the person. */
  readonly topics: readonly string[];
}

export interface RemainsOptions {
  readonly connection: Pick<MqttConnection, 'readRetained'>;
  readonly topics: Topics;
  /** Topic of the discovery message, which has an entity for each person. */
  readonly discovery: string;
  /** Cleared topics hear first that they are no more: that takes some seconds. */
  readonly timeoutMs: number;
}

const AGAIN_MS = 1_000;

/**
 * Asks the broker what it retains about a person who was forgotten, until that is nothing or the
 * time is over.
 */
export async function remainsOnBroker(
  identity: Identity,
  { connection, topics, discovery, timeoutMs }: RemainsOptions,
): Promise<BrokerRemains> {
  const filters = [topics.personPresence('+'), topics.cameraPresence('+'), discovery];
  const endMs = performance.now() + timeoutMs;
  try {
    for (;;) {
      const messages = await connection.readRetained(filters);
      const naming = messages.filter((message) => names(message, identity));
      if (naming.length === 0 || performance.now() >= endMs) {
        return { asked: true, topics: naming.map(({ topic }) => topic) };
      }
      await delay(AGAIN_MS);
    }
  } catch (error) {
    return { asked: false, reason: messageOf(error), topics: [] };
  }
}

/** Ids are in topics of people and of entities; who is before a camera stands there by name. */
function names({ payload }: IncomingMessage, { id, name }: Identity): boolean {
  const text = payload.toString();
  if (text.includes(id) || text.includes(id.toLowerCase())) return true;
  try {
    const { names: present } = JSON.parse(text) as { readonly names?: unknown };
    return Array.isArray(present) && present.includes(name);
  } catch {
    return text.includes(name);
  }
}
