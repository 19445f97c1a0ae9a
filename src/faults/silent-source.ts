import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** A source that is there and says nothing. */
export interface SilentSource {
  readonly port: number;
  /** Moment of the first connection. */
  readonly acceptedMs: () => number | undefined;
  close(): void;
}

/** Accepts whoever connects, and never says a word. */
export async function startSilence(): Promise<SilentSource> {
  const sockets = new Set<Socket>();
  let acceptedMs: number | undefined;
  const server = createServer((socket) => {
    acceptedMs ??= performance.now();
    sockets.add(socket.on('error', () => {}));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    acceptedMs: () => acceptedMs,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
