import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';

const BOUNDARY = 'frame';

/** A camera on the network that serves MJPEG and can be unplugged. */
export class MjpegCamera {
  #server: Server | undefined;
  readonly #viewers = new Set<ServerResponse>();
  #frame = 0;
  readonly #timer: NodeJS.Timeout;

  /** @param pictures JPEG files, shown in turn. */
  constructor(
    private readonly pictures: readonly Buffer[],
    private readonly port: number,
    fps: number,
  ) {
    this.#timer = setInterval(() => this.#show(), 1_000 / fps);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/video`;
  }

  async plugIn(): Promise<void> {
    const server = createServer((_request, response) => {
      const type = `multipart/x-mixed-replace;boundary=${BOUNDARY}`;
      response.writeHead(200, { 'content-type': type });
      this.#viewers.add(response);
      response.once('close', () => this.#viewers.delete(response));
    });
    this.#server = server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
  }

  /** Cuts every connection and answers nobody any more. */
  async unplug(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async remove(): Promise<void> {
    clearInterval(this.#timer);
    await this.unplug();
  }

  #show(): void {
    const jpeg = this.pictures[this.#frame++ % this.pictures.length];
    if (jpeg === undefined) return;
    const head = `--${BOUNDARY}\r\ncontent-type: image/jpeg\r\ncontent-length: ${jpeg.length}\r\n\r\n`;
    const part = Buffer.concat([Buffer.from(head), jpeg, Buffer.from('\r\n')]);
    for (const viewer of this.#viewers) viewer.write(part);
  }
}
