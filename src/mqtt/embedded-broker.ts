import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { Aedes } from 'aedes';
import type { Config } from '../config/schema.js';
import { FaceEvalError } from '../domain/errors.js';

/** The built-in broker: for a first look and for households without one of their own. */
export class EmbeddedBroker {
  readonly #aedes: Aedes;
  readonly #server: Server;

  private constructor(aedes: Aedes, server: Server) {
    this.#aedes = aedes;
    this.#server = server;
  }

  /** @throws FaceEvalError MQTT when the port is taken or may not be bound. */
  static async start({ host, port }: Config['mqtt']['embedded']): Promise<EmbeddedBroker> {
    const aedes = await Aedes.createBroker();
    const server = createServer(aedes.handle);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => {
        const taken = cause.code === 'EADDRINUSE';
        reject(
          new FaceEvalError(
            'MQTT',
            taken
              ? `port ${port} of ${host} is taken: another MQTT broker runs here already`
              : `the built-in broker cannot listen on ${host}:${port}: ${cause.message}`,
            {
              hint: taken
                ? `use it (mqtt.url: mqtt://localhost:${port}), or give the built-in one another port (mqtt.embedded.port)`
                : 'change mqtt.embedded.host or mqtt.embedded.port',
              cause,
            },
          ),
        );
      });
      server.listen(port, host, resolve);
    });
    return new EmbeddedBroker(aedes, server);
  }

  /** The port that is bound, also when 0 was asked for. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()));
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
