/** How a message is sent. */
export interface PublishOptions {
  readonly qos: 0 | 1;
  readonly retain: boolean;
  /** Seconds after which a broker that speaks MQTT 5 drops the message. */
  readonly messageExpiryS?: number;
}

/** The port through which messages leave. */
export interface Publisher {
  readonly connected: boolean;
  /**
   * @returns When the broker has taken the message (QoS 1: acknowledged).
   * @throws Error when it was not taken; with `refused: true` when the broker will not have this
   *   message, so that trying again at once is of no use. The caller decides.
   */
  publish(topic: string, payload: string | Uint8Array, options: PublishOptions): Promise<void>;
}

/** Whether the broker refused this very message, rather than being out of reach. */
export function isRefusal(error: unknown): boolean {
  return (error as { refused?: unknown }).refused === true;
}
