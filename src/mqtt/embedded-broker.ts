import { timingSafeEqual } from 'node:crypto';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Aedes, type AuthenticateError } from 'aedes';
import type { Config } from '../config/schema.js';
import { FaceEvalError } from '../domain/errors.js';

/** Who may connect; everybody who reaches the port when absent. */
export interface BrokerCredentials {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** MQTT 3.1.1: bad user name or password. */
const REFUSED = 4;

/**
 * The built-in broker: for a first look and for households without one of their own. It speaks
 * MQTT 3.1.1 and keeps retained messages in memory.
 */
export class EmbeddedBroker {
  readonly #aedes: Aedes;
  readonly #server: Server;

  private constructor(aedes: Aedes, server: Server) {
    this.#aedes = aedes;
    this.#server = server;
  }

  /**
   * @param credentials User and password that every client has to give, the daemon's own included.
   * @throws FaceEvalError MQTT when the port is taken or may not be bound.
   */
  static async start(
    { host, port }: Config['mqtt']['embedded'],
    credentials: BrokerCredentials = {},
  ): Promise<EmbeddedBroker> {
    const aedes = await Aedes.createBroker();
    if (credentials.username !== undefined) guard(aedes, credentials);
    const server = createServer(aedes.handle);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
    } catch (error) {
      aedes.close();
      throw cannotListen(host, port, error as NodeJS.ErrnoException);
    }
    server.removeAllListeners('error');
    // Out of file handles for a moment: that client has to try again, and the daemon goes on.
    server.on('error', () => {});
    return new EmbeddedBroker(aedes, server);
  }

  /** The port that is bound, also when 0 was asked for. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Where clients of this machine find it. */
  get url(): string {
    const { address, family } = this.#server.address() as AddressInfo;
    // A wildcard is an address to listen on, not one to connect to.
    const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address] ?? address;
    return `mqtt://${family === 'IPv6' ? `[${host}]` : host}:${this.port}`;
  }

  /** Closes every connection and the port. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()));
    await closed;
  }
}

function guard(aedes: Aedes, credentials: BrokerCredentials): void {
  aedes.authenticate = (_client, username, password, done) => {
    const known =
      username === credentials.username &&
      isSame(password ?? Buffer.alloc(0), Buffer.from(credentials.password ?? ''));
    if (known) done(null, true);
    else
      done(
        Object.assign(new Error('not known'), { returnCode: REFUSED }) as AuthenticateError,
        null,
      );
  };
}

function isSame(given: Readonly<Buffer>, wanted: Buffer): boolean {
  return given.length === wanted.length && timingSafeEqual(given as Buffer, wanted);
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): FaceEvalError {
  if (cause.code === 'EADDRINUSE') {
    return new FaceEvalError(
      'MQTT',
      `port ${port} of ${host} is taken: another MQTT broker runs here already`,
      {
        hint:
          `use it (mqtt.url: mqtt://localhost:${port}), or give the built-in one another port ` +
          '(mqtt.embedded.port)',
        cause,
      },
    );
  }
  const reason =
    cause.code === 'EACCES'
      ? 'ports below 1024 need privileges'
      : cause.code === 'EADDRNOTAVAIL'
        ? 'this device has no such address'
        : cause.message;
  return new FaceEvalError(
    'MQTT',
    `the built-in broker cannot listen on ${host}:${port}: ${reason}`,
    { hint: 'change mqtt.embedded.host or mqtt.embedded.port', cause },
  );
}
