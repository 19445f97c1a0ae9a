import { execFile } from 'node:child_process';
import type { Logger } from 'pino';

/**
 * Talks to systemd through `systemd-notify`, as Node cannot write to a datagram socket. Does
 * nothing when the process was not started by systemd.
 */
export class Systemd {
  readonly #log: Logger;
  readonly #active: boolean;
  #complained = false;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(log: Logger, environment: NodeJS.ProcessEnv = process.env) {
    this.#log = log;
    this.#active = Boolean(environment.NOTIFY_SOCKET);
  }

  ready(status: string): void {
    this.#notify(['READY=1', `STATUS=${status}`]);
  }

  status(status: string): void {
    this.#notify([`STATUS=${status}`]);
  }

  /** Models take their time on a slow card: asks for another minute before systemd gives up. */
  extendStart(status: string): void {
    this.#notify(['EXTEND_TIMEOUT_USEC=60000000', `STATUS=${status}`]);
  }

  reloading(): void {
    // Type=notify needs no monotonic stamp; the pair RELOADING/READY marks the time.
    this.#notify(['RELOADING=1']);
  }

  stopping(): void {
    this.#notify(['STOPPING=1', 'STATUS=sending what is left']);
    clearInterval(this.#watchdog);
  }

  /**
   * Feeds the watchdog at a third of its period while there is progress.
   *
   * @param alive Whether frames are consumed, or a camera is legitimately away.
   */
  feedWatchdog(alive: () => boolean, environment: NodeJS.ProcessEnv = process.env): void {
    const periodMs = Number(environment.WATCHDOG_USEC ?? 0) / 1000;
    if (!this.#active || !(periodMs > 0)) return;
    this.#watchdog = setInterval(() => {
      if (alive()) this.#notify(['WATCHDOG=1']);
      else this.#log.warn('no progress: the watchdog is not fed');
    }, periodMs / 3);
  }

  #notify(fields: readonly string[]): void {
    if (!this.#active) return;
    execFile('systemd-notify', [`--pid=${process.pid}`, ...fields], (error) => {
      if (error === null || this.#complained) return;
      this.#complained = true;
      this.#log.error(
        { err: error },
        'systemd is not told that the daemon runs, and will end it: is systemd-notify installed, ' +
          'and NotifyAccess=all in the unit?',
      );
    });
  }
}
