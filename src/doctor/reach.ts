import { connect } from 'node:net';
import { messageOf } from '../domain/errors.js';

const TIMEOUT_MS = 4_000;

/**
 * Tries to open a TCP connection.
 *
 * @returns Null when somebody answers, else why not.
 */
export function whyUnreachable(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS });
    const end = (answer: string | null): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end(`no answer within ${TIMEOUT_MS / 1000} s`));
    socket.once('error', (error) => end(messageOf(error)));
  });
}
