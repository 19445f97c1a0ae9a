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
   * @throws Error when it was not taken; the caller decides whether to try again.
   */
  publish(topic: string, payload: string | Uint8Array, options: PublishOptions): Promise<void>;
}
