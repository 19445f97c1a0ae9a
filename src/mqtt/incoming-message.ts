import type { IPublishPacket } from 'mqtt';

/** A message that the broker delivered. */
export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Buffer;
  /** Replayed from the broker's store: old, by an unknown time. */
  readonly retained: boolean;
  /** MQTT 5: where an answer is expected. */
  readonly responseTopic?: string;
  /** MQTT 5: comes back with the answer. */
  readonly correlationData?: Buffer;
}

/** The parts of a packet that the program reads. */
export function incomingMessage(
  topic: string,
  payload: Buffer,
  { retain, properties }: IPublishPacket,
): IncomingMessage {
  const { responseTopic, correlationData } = properties ?? {};
  return {
    topic,
    payload,
    retained: retain,
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData }),
  };
}
