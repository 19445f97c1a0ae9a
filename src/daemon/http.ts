import fastify, { type FastifyInstance } from 'fastify';
import type { Config } from '../config/schema.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { Health } from './health.js';
import type { Metrics } from './metrics.js';

/** Serves /healthz and /metrics. */
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
    const app = fastify({ logger: false, bodyLimit: 1_024 });
    app.get('/healthz', async (_request, reply) => {
      const report = await health.report();
      return reply.code(report.status === 'ok' ? 200 : 503).send(report);
    });
    app.get('/metrics', async (_request, reply) =>
      reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
    );
    try {
      await app.listen({ host, port });
    } catch (cause) {
      throw new FaceEvalError(
        'CONFIG',
        `the page for health and metrics cannot listen on ${host}:${port}: ${messageOf(cause)}`,
        { hint: 'set http.port to a free port, or http.enabled to false', cause },
      );
    }
    return new HttpServer(app);
  }

  async stop(): Promise<void> {
    await this.#app.close();
  }
}
