import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type { Config } from '../config/schema.js';
import { FaceEvalError } from '../domain/errors.js';
import type { Health } from './health.js';
import type { Metrics } from './metrics.js';

/** Nothing that is served here takes a body. */
const BODY_BYTES = 1_024;
const REQUEST_MS = 10_000;
const MAX_CONNECTIONS = 64;

/** Serves /healthz (200, or 503 with what is wrong) and /metrics (Prometheus). */
export class HttpServer {
  readonly #app: FastifyInstance;

  private constructor(app: FastifyInstance) {
    this.#app = app;
  }

  /** @throws FaceEvalError CONFIG when the port is taken or may not be bound. */
  static async start(
    { host, port }: Config['http'],
    health: Health,
    metrics: Metrics,
  ): Promise<HttpServer> {
    const app = fastify({
      logger: false,
      bodyLimit: BODY_BYTES,
      requestTimeout: REQUEST_MS,
      forceCloseConnections: true,
    });
    app.server.maxConnections = MAX_CONNECTIONS;
    app.get('/healthz', (_request, reply) => {
      const report = health.report();
      return reply.code(report.status === 'ok' ? 200 : 503).send(report);
    });
    app.get('/metrics', async (_request, reply) =>
      reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
    );
    app.setNotFoundHandler((_request, reply) =>
      reply.code(404).send({ error: 'there is /healthz and /metrics' }),
    );
    try {
      await app.listen({ host, port });
    } catch (cause) {
      await app.close();
      throw cannotListen(host, port, cause as NodeJS.ErrnoException);
    }
    return new HttpServer(app);
  }

  /** The port that is bound, also when 0 was asked for. */
  get port(): number {
    return (this.#app.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await this.#app.close();
  }
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): FaceEvalError {
  const where = `${host}:${port}`;
  const why = cause.code === 'EADDRINUSE' ? 'something else listens there already' : cause.message;
  return new FaceEvalError('CONFIG', `health and metrics cannot be served on ${where}: ${why}`, {
    hint: 'set http.port to a free port (0 for any), or http.enabled: false',
    cause,
  });
}
