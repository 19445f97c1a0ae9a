import { type ChildProcess, fork } from 'node:child_process';
import type { Logger } from 'pino';
import { FaceEvalError } from '../domain/errors.js';
import type { CameraStatus, Observation, TrackEnded, VisionStats } from '../domain/records.js';
import {
  type ActiveBuild,
  type Analysis,
  type DaemonMessage,
  type PlayMode,
  PROTOCOL,
  type VisionConfig,
  type VisionMessage,
} from './messages.js';
import { problemOf } from './observation-check.js';

/** What the daemon does with what the vision process says. */
export interface VisionHandlers {
  observation(observation: Observation): void;
  trackEnded(track: TrackEnded): void;
  cameraStatus(status: CameraStatus): void;
  stats(stats: VisionStats): void;
  loading(what: string): void;
  ready(builds: readonly ActiveBuild[], loadMs: number): void;
  /** Every source was finite and has ended. */
  sourcesEnded(frames: number): void;
  /** The process of this boot is gone: none of its tracks will be heard of again. */
  exited(boot: string | null): void;
}

export interface SupervisorOptions {
  /** Entry of the vision process. */
  readonly script: string | URL;
  readonly config: VisionConfig;
  readonly mode: PlayMode;
  readonly log: Logger;
  readonly handlers: VisionHandlers;
}

export type VisionState = 'starting' | 'running' | 'waiting' | 'stopped';

const HEARTBEAT_MS = 10_000;
const LOADING_MS = 180_000;
const FIRST_RESTART_MS = 500;
const LAST_RESTART_MS = 30_000;
const HEALTHY_MS = 60_000;
const SHUTDOWN_MS = 5_000;
const ANALYSE_MS = 20_000;

/**
 * Keeps the vision process alive: starts it, hands it its configuration, notices when it dies or
 * hangs, and starts it again with growing pauses. It never ends the daemon.
 */
export class VisionSupervisor {
  readonly #options: SupervisorOptions;
  readonly #pending = new Map<number, { resolve(a: Analysis): void; reject(e: Error): void }>();
  #child: ChildProcess | undefined;
  #boot: string | null = null;
  #state: VisionState = 'stopped';
  #startedMs = 0;
  #restartMs = FIRST_RESTART_MS;
  #restarts = 0;
  #nextRequest = 1;
  #aliveTimer: NodeJS.Timeout | undefined;
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  get state(): VisionState {
    return this.#state;
  }

  /** How often the process had to be started again. */
  get restarts(): number {
    return this.#restarts;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { script, log } = this.#options;
    this.#state = 'starting';
    this.#startedMs = performance.now();
    const child = fork(script, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#expectLife(LOADING_MS);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.trim().split('\n')) log.warn({ from: 'vision' }, line);
    });
    child.on('message', (message: VisionMessage) => {
      if (this.#child === child) this.#receive(message);
    });
    child.once('error', (error) => log.error({ err: error }, 'the vision process did not start'));
    child.once('exit', (code, signal) => this.#exited(child, code, signal));
  }

  /** Asks the process to end, then makes it. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#aliveTimer);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#send({ type: 'shutdown' });
    const hard = setTimeout(() => child.kill('SIGKILL'), SHUTDOWN_MS);
    await gone;
    clearTimeout(hard);
  }

  /**
   * Finds and embeds the faces of a still image.
   *
   * @throws FaceEvalError VISION when the process is not running, dies over it or takes too long.
   */
  analyse(image: Uint8Array): Promise<Analysis> {
    if (this.#state !== 'running') {
      return Promise.reject(unavailable('the vision process is not running'));
    }
    const requestId = this.#nextRequest++;
    return new Promise<Analysis>((resolve, reject) => {
      const late = setTimeout(() => {
        this.#pending.delete(requestId);
        reject(unavailable(`the image was not analysed within ${ANALYSE_MS / 1000} s`));
      }, ANALYSE_MS);
      this.#pending.set(requestId, {
        resolve: (analysis) => {
          clearTimeout(late);
          resolve(analysis);
        },
        reject: (error) => {
          clearTimeout(late);
          reject(error);
        },
      });
      this.#send({ type: 'analyse', requestId, image });
    });
  }

  verdict(trackId: string, settled: boolean): void {
    this.#send({ type: 'verdict', trackId, settled });
  }

  /** @param cameraId null for all cameras. */
  pause(cameraId: string | null, on: boolean): void {
    this.#send({ type: 'pause', cameraId, on });
  }

  #receive(message: VisionMessage): void {
    const { handlers, log } = this.#options;
    switch (message.type) {
      case 'hello':
        this.#greet(message.protocol, message.boot);
        break;
      case 'loading':
        this.#expectLife(LOADING_MS);
        handlers.loading(message.what);
        break;
      case 'ready':
        this.#state = 'running';
        this.#expectLife(HEARTBEAT_MS);
        handlers.ready(message.builds, message.loadMs);
        break;
      case 'observation':
        this.#takeObservation(message.observation);
        break;
      case 'trackEnded':
        handlers.trackEnded(message.track);
        break;
      case 'cameraStatus':
        handlers.cameraStatus(message.status);
        break;
      case 'stats':
        this.#expectLife(HEARTBEAT_MS);
        if (performance.now() - this.#startedMs > HEALTHY_MS) this.#restartMs = FIRST_RESTART_MS;
        handlers.stats(message.stats);
        break;
      case 'analysed':
        this.#pending.get(message.requestId)?.resolve(message.analysis);
        this.#pending.delete(message.requestId);
        break;
      case 'sourcesEnded':
        handlers.sourcesEnded(message.frames);
        break;
      case 'fault':
        log[message.fatal ? 'error' : 'warn']({ hint: message.hint }, message.error);
        break;
    }
  }

  #greet(protocol: number, boot: string): void {
    if (protocol !== PROTOCOL) {
      this.#options.log.error({ protocol }, 'the vision process is of another version');
      this.#child?.kill('SIGKILL');
      return;
    }
    this.#boot = boot;
    this.#send({ type: 'configure', config: this.#options.config, mode: this.#options.mode });
  }

  #takeObservation(observation: Observation): void {
    this.#send({ type: 'credit', observations: 1 });
    const problem = problemOf(observation);
    if (problem === undefined) {
      this.#options.handlers.observation(observation);
      return;
    }
    // A wrong record is a bug in the other process; what it would do next is not known.
    this.#options.log.error({ problem }, 'the vision process sent a record that cannot be');
    this.#child?.kill('SIGKILL');
  }

  #exited(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    clearTimeout(this.#aliveTimer);
    for (const { reject } of this.#pending.values()) {
      reject(unavailable('the vision process ended over the image'));
    }
    this.#pending.clear();
    this.#options.handlers.exited(this.#boot);
    this.#boot = null;
    if (this.#state === 'stopped') return;
    this.#state = 'waiting';
    this.#restarts++;
    const waitMs = this.#restartMs;
    this.#restartMs = Math.min(this.#restartMs * 2, LAST_RESTART_MS);
    this.#options.log.error(
      { code, signal, waitMs },
      'the vision process ended; starting it again',
    );
    this.#restartTimer = setTimeout(() => this.start(), waitMs);
  }

  /** A blocked JavaScript thread hears no other signal. */
  #expectLife(withinMs: number): void {
    clearTimeout(this.#aliveTimer);
    this.#aliveTimer = setTimeout(() => {
      this.#options.log.error({ withinMs }, 'the vision process gives no sign of life');
      this.#child?.kill('SIGKILL');
    }, withinMs);
  }

  #send(message: DaemonMessage): void {
    const child = this.#child;
    if (child?.connected !== true) return;
    child.send(message, (error) => {
      if (error)
        this.#options.log.debug({ err: error }, 'a message did not reach the vision process');
    });
  }
}

function unavailable(message: string): FaceEvalError {
  return new FaceEvalError('VISION', message, { hint: 'it is started again by itself: try again' });
}
