import mqtt, { type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { configSchema } from '../../src/config/schema.js';
import { MqttConnection } from '../../src/mqtt/client.js';
import { waitFor } from './mosquitto.js';

export interface LogLine {
  readonly level: number;
  readonly msg: string;
}

/** A connection under test, with what it logged at level info and above. */
export interface TestConnection {
  readonly connection: MqttConnection;
  readonly lines: LogLine[];
}

export function makeConnection(
  url: string,
  mqttConfig: Record<string, unknown> = {},
  onConnect: () => void = () => {},
): TestConnection {
  const lines: LogLine[] = [];
  const log = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) });
  const config = configSchema.parse({ mqtt: { url, ...mqttConfig } }).mqtt;
  const connection = new MqttConnection({ config, node: 'test', url, log, onConnect });
  return { connection, lines };
}

export async function connected({ connection, lines }: TestConnection): Promise<void> {
  await waitFor(
    () => connection.connected,
    15_000,
    `a connection; log: ${lines.map(({ msg }) => msg).join(' | ')}`,
  );
}

/** Another client that collects what it receives. */
export class Listener {
  readonly messages: { topic: string; payload: string; retained: boolean }[] = [];

  private constructor(readonly client: MqttClient) {}

  static async open(
    url: string,
    filter: string,
    options: mqtt.IClientOptions = {},
  ): Promise<Listener> {
    const client = await mqtt.connectAsync(url, { reconnectPeriod: 200, ...options });
    const listener = new Listener(client);
    client.on('message', (topic, payload, { retain }) => {
      listener.messages.push({ topic, payload: payload.toString(), retained: retain });
    });
    client.on('error', () => {});
    await client.subscribeAsync(filter, { qos: 1 });
    return listener;
  }

  of(topic: string): string[] {
    return this.messages.filter((message) => message.topic === topic).map((m) => m.payload);
  }

  async close(): Promise<void> {
    await this.client.endAsync(true);
  }
}
