import type { MqttConnection } from './client.js';
import { ONLINE } from './payloads.js';
import { topicsUnder } from './topics.js';

/** Where a daemon says who is there. */
export interface TopicRoots {
  readonly baseTopic: string;
  /** Topic of the discovery message; null when nothing is announced. */
  readonly discovery: string | null;
}

/**
 * Clears what is retained under the topics of an earlier configuration: names would stay there for
 * ever, also of people who are forgotten later. What another daemon has taken over stays.
 *
 * @throws FaceEvalError MQTT when the broker cannot be asked.
 */
export async function clearFormerTopics(
  connection: Pick<MqttConnection, 'readRetained' | 'retain'>,
  former: TopicRoots,
  current: TopicRoots,
): Promise<void> {
  const topics = topicsUnder(former.baseTopic);
  const left = former.discovery === current.discovery ? null : former.discovery;
  const filters = left === null ? [] : [left];
  if (former.baseTopic !== current.baseTopic) {
    filters.push(topics.state, topics.health, topics.personPresence('+'));
    filters.push(topics.cameraPresence('+'), topics.cameraState('+'));
  }
  if (filters.length === 0) return;
  const messages = await connection.readRetained(filters);
  const taken = messages.some(
    ({ topic, payload }) => topic === topics.state && payload.toString() === ONLINE,
  );
  for (const { topic, payload } of messages) {
    const ours = topic === left ? payload.includes(`"${topics.state}"`) : !taken;
    if (ours && payload.length > 0) connection.retain(topic, '');
  }
}
