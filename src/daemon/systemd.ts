import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import { messageOf } from '../domain/errors.js';

const run = promisify(execFile);

const NOTIFY_MS = 10_000;
/** While models load, systemd is asked for this much more time, this often, for so long at most. */
const EXTENSION_MS = 60_000;
const EXTEND_EVERY_MS = 20_000;
const MAX_LOADING_MS = 900_000;

/**
 * Talks to systemd through `systemd-notify`, as Node cannot write to a datagram socket. Does
 * nothing when the process was not started by systemd.
 */
export class Systemd {
  readonly #log: Logger;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #active: boolean;
  #queue: Promise<void> = Promise.resolve();
  #complained = false;
  #ready = false;
  #stalled = false;
  #loadingSinceMs: number | undefined;
  #extension: NodeJS.Timeout | undefined;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(log: Logger, environment: NodeJS.ProcessEnv = process.env) {
    this.#log = log;
    this.#environment = environment;
    this.#active = Boolean(environment.NOTIFY_SOCKET);
  }

  /** The service works, or works again after {@link reloading}. */
  ready(status: string): void {
    this.#ready = true;
    this.#endLoading();
    this.#notify(['READY=1', `STATUS=${status}`]);
  }

  status(status: string): void {
    this.#notify([`STATUS=${status}`]);
  }

  /**
   * Models take minutes on a slow card, engines longer: the start is extended until
   * {@link ready}, for a quarter of an hour at most.
   */
  extendStart(status: string): void {
    if (this.#ready) {
      this.status(status);
      return;
    }
    const nowMs = performance.now();
    this.#loadingSinceMs ??= nowMs;
    this.#notify([extension(), `STATUS=${status}`]);
    this.#extension ??= setInterval(() => {
      const loadingMs = performance.now() - (this.#loadingSinceMs ?? 0);
      if (loadingMs < MAX_LOADING_MS) this.#notify([extension()]);
      else this.#endLoading();
    }, EXTEND_EVERY_MS);
    this.#extension.unref();
  }

  reloading(): void {
    const monotonicUs = process.hrtime.bigint() / 1_000n;
    this.#notify(['RELOADING=1', `MONOTONIC_USEC=${monotonicUs}`]);
  }

  stopping(): void {
    clearInterval(this.#watchdog);
    this.#endLoading();
    this.#notify(['STOPPING=1', 'STATUS=sending what is left']);
  }

  /**
   * Feeds the watchdog at a third of its period while there is progress.
   *
   * @param alive Whether frames are consumed, or a camera is legitimately away.
   */
  feedWatchdog(alive: () => boolean): void {
    const { WATCHDOG_USEC, WATCHDOG_PID } = this.#environment;
    const periodMs = Number(WATCHDOG_USEC ?? 0) / 1_000;
    if (!this.#active || !(periodMs > 0)) return;
    if (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== process.pid) return;
    clearInterval(this.#watchdog);
    this.#feed(alive);
    this.#watchdog = setInterval(() => this.#feed(alive), periodMs / 3);
    this.#watchdog.unref();
  }

  /** Resolves when systemd was told everything so far. */
  async flush(): Promise<void> {
    await this.#queue;
  }

  #feed(alive: () => boolean): void {
    const stalled = !alive();
    if (!stalled) this.#notify(['WATCHDOG=1']);
    if (stalled && !this.#stalled) {
      this.#log.error('no frame was worked on for too long: systemd will restart the service');
    }
    this.#stalled = stalled;
  }

  #endLoading(): void {
    clearInterval(this.#extension);
    this.#extension = undefined;
    this.#loadingSinceMs = undefined;
  }

  /** One after the other: READY must not overtake what was said before. */
  #notify(fields: readonly string[]): void {
    if (!this.#active) return;
    this.#queue = this.#queue.then(async () => {
      try {
        await run('systemd-notify', [...fields], {
          env: this.#environment,
          timeout: NOTIFY_MS,
        });
      } catch (error) {
        this.#complain(error);
      }
    });
  }

  #complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const fix = missing
      ? 'systemd-notify is not installed (it comes with the package systemd)'
      : `systemd-notify says: ${messageOf(error)}; does the unit have NotifyAccess=all?`;
    this.#log.error(
      `systemd cannot be told that the daemon runs, and will end it after its time-out: ${fix}. ` +
        'Or run it without: Type=exec and no WatchdogSec in a drop-in',
    );
  }
}

function extension(): string {
  return `EXTEND_TIMEOUT_USEC=${EXTENSION_MS * 1_000}`;
}
