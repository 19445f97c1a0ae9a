import type { MqttClient } from 'mqtt';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { PublishOptions } from '../hits/publisher.js';

/** A broker that takes a message but does not acknowledge it for so long is as good as gone. */
const ACKNOWLEDGE_MS = 15_000;
/** Unacknowledged messages and bytes of one connection: more would only grow memory. */
const MAX_IN_FLIGHT = 256;
const MAX_IN_FLIGHT_BYTES = 16 * 1024 * 1024;

/** What a message may carry. */
export interface DeliveryOptions extends PublishOptions {
  /** MQTT 5: comes back with an answer, so that the asker knows which request it answers. */
  readonly correlationData?: Buffer;
}

/** Messages under way on one connection. */
export class Delivery {
  #inFlight = 0;
  #bytes = 0;

  /**
   * @param protocol MQTT version of the connection: properties need 5.
   * @param onLate Called when the broker owes an acknowledgement for too long.
   */
  constructor(
    private readonly client: MqttClient,
    private readonly protocol: 4 | 5,
    private readonly onLate: () => void,
  ) {}

  /**
   * @returns When the broker has acknowledged the message (QoS 0: when it is written).
   * @throws FaceEvalError MQTT with a hint when the broker refuses the message.
   */
  async send(
    topic: string,
    payload: string | Uint8Array,
    { qos, retain, messageExpiryS, correlationData }: DeliveryOptions,
  ): Promise<void> {
    const data =
      typeof payload === 'string'
        ? Buffer.from(payload)
        : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    if (this.#inFlight >= MAX_IN_FLIGHT || this.#bytes + data.length > MAX_IN_FLIGHT_BYTES) {
      throw new FaceEvalError('MQTT', 'the broker is behind: too much is under way already');
    }
    this.#inFlight++;
    this.#bytes += data.length;
    const late = setTimeout(this.onLate, ACKNOWLEDGE_MS);
    try {
      await this.client.publishAsync(topic, data, {
        qos,
        retain,
        ...(this.protocol === 5 && {
          properties: {
            ...(messageExpiryS !== undefined && { messageExpiryInterval: messageExpiryS }),
            ...(correlationData !== undefined && { correlationData }),
          },
        }),
      });
    } catch (cause) {
      throw explainRefusal(topic, cause);
    } finally {
      clearTimeout(late);
      this.#inFlight--;
      this.#bytes -= data.length;
    }
  }
}

/** Codes of a PUBACK start at 128 where the broker will not have the message. */
function explainRefusal(topic: string, cause: unknown): FaceEvalError {
  const { code } = cause as { code?: unknown };
  if (typeof code !== 'number' || code < 128) {
    return new FaceEvalError('MQTT', `not sent: ${messageOf(cause)}`, { cause });
  }
  const error = new FaceEvalError('MQTT', `the broker refuses ${topic}: ${messageOf(cause)}`, {
    hint: 'allow this user to write that topic in the broker’s access list',
    cause,
  });
  return Object.assign(error, { refused: true });
}
