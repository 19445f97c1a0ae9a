import { join } from 'node:path';

/** Longest path of a socket that Linux takes, bytes. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** Where the daemon of a state folder listens. */
export function controlSocketPath(stateDir: string): string {
  return join(stateDir, 'control.sock');
}
