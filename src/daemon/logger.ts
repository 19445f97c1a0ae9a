import pino, { type Logger } from 'pino';
import type { Config } from '../config/schema.js';

/**
 * One JSON line an event on standard error, which journald keeps; lines for people on a terminal
 * when pino-pretty is there (it is for development only).
 */
export async function createLogger({ level, pretty }: Config['log']): Promise<Logger> {
  const destination = pino.destination({ dest: 2, sync: true });
  if (pretty ?? process.stderr.isTTY) {
    const module = await import('pino-pretty').catch(() => undefined);
    if (module !== undefined) {
      return pino(
        { level },
        module.default({ destination: 2, sync: true, ignore: 'pid,hostname' }),
      );
    }
  }
  return pino({ level, base: null }, destination);
}
