import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Logger } from 'pino';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { CameraStatus, Observation, TrackEnded, VisionStats } from '../domain/records.js';
import { netEnvironment } from '../models/net-environment.js';
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
import { PendingAnalyses } from './pending-analyses.js';
import { RestartPolicy } from './restart-policy.js';

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

/** `degraded`: it ended again and again, and is only tried now and then. */
export type VisionState = 'starting' | 'running' | 'waiting' | 'degraded' | 'stopped';

const HEARTBEAT_MS = 10_000;
const LOADING_MS = 180_000;
const SHUTDOWN_MS = 5_000;
const ANALYSE_MS = 20_000;
const LOOK_MS = 10_000;
/** A timer that is so late tells that this process did not run, not that the other one hangs. */
const LATE_MS = 1_000;

/**
 * Keeps the vision process alive: starts it, hands it its configuration, notices when it dies or
 * hangs, and starts it again with growing pauses. It never ends the daemon.
 */
export class VisionSupervisor {
  readonly #options: SupervisorOptions;
  readonly #analyses = new PendingAnalyses();
  readonly #restartPolicy = new RestartPolicy();
  /** A new process knows nothing of what the old one was told. */
  readonly #paused = new Set<string>();
  #config: VisionConfig;
  #child: ChildProcess | undefined;
  #boot: string | null = null;
  /** Length of this boot's templates, once one was seen. */
  #dimension: number | undefined;
  #state: VisionState = 'stopped';
  #readyMs: number | undefined;
  #restarts = 0;
  #aliveTimer: NodeJS.Timeout | undefined;
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#config = options.config;
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
    if (this.#child !== undefined) return;
    this.#state = 'starting';
    try {
      this.#child = this.#fork();
    } catch (error) {
      // No memory for another process: there may be some later.
      this.#ended(`did not start: ${messageOf(error)}`);
      return;
    }
    this.#expectLife(LOADING_MS);
  }

  /** Asks the process to end, then makes it. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#aliveTimer);
    const child = this.#child;
    if (child?.pid === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#send({ type: 'shutdown' });
    // A blocked JavaScript thread hears nothing else.
    const hard = setTimeout(() => child.kill('SIGKILL'), SHUTDOWN_MS);
    await gone;
    clearTimeout(hard);
  }

  /** Starts the process again with another configuration; that is no failure of it. */
  async restart(config: VisionConfig): Promise<void> {
    this.#config = config;
    await this.stop();
    this.start();
  }

  /**
   * Finds and embeds the faces of a still image.
   *
   * @param aligned The image is the crop of a face that was analysed before: it is only embedded.
   * @throws FaceEvalError VISION when the process is not running, dies over it or takes too long.
   */
  analyse(image: Uint8Array, aligned = false): Promise<Analysis> {
    if (this.#state !== 'running') {
      return Promise.reject(unavailable('the vision process is not running'));
    }
    return this.#analyses.request(
      (requestId) => this.#send({ type: 'analyse', requestId, image, aligned }),
      ANALYSE_MS,
      unavailable(`the image was not analysed within ${ANALYSE_MS / 1000} s`),
    );
  }

  /**
   * Finds and embeds the faces of what a camera shows next.
   *
   * @throws FaceEvalError VISION when the process is not running, CAMERA when no frame comes.
   */
  look(cameraId: string): Promise<Analysis> {
    if (this.#state !== 'running') {
      return Promise.reject(unavailable('the vision process is not running'));
    }
    return this.#analyses.request(
      (requestId) => this.#send({ type: 'look', requestId, cameraId }),
      LOOK_MS,
      new FaceEvalError('CAMERA', `the camera ${cameraId} gives no picture`, {
        hint: '`faceeval status` tells what it does',
      }),
    );
  }

  verdict(trackId: string, settled: boolean): void {
    this.#send({ type: 'verdict', trackId, settled });
  }

  /**
   * A paused camera stays so over restarts of the process.
   *
   * @param cameraId null for all cameras.
   */
  pause(cameraId: string | null, on: boolean): void {
    const all = this.#config.cameras.map(({ id }) => id);
    for (const id of cameraId === null ? all : [cameraId]) {
      if (on) this.#paused.add(id);
      else this.#paused.delete(id);
    }
    this.#send({ type: 'pause', cameraId, on });
  }

  #fork(): ChildProcess {
    const { script, log } = this.#options;
    const child = fork(script, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Ctrl-C on a terminal reaches a whole process group: it is for the daemon, which then ends
      // this process in order.
      detached: true,
      // Pixels live outside the JavaScript heap: a small young generation is enough.
      execArgv: ['--max-semi-space-size=2'],
      env: netEnvironment(),
    });
    // The daemon's own output may be read by a program: native code must not print into it.
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => log.warn({ from: 'vision' }, line));
    }
    child.on('message', (message) => {
      if (this.#child === child && !child.killed) this.#receive(message);
    });
    child.on('error', (error) => {
      // Without a process there is no exit either.
      if (child.pid === undefined) this.#exited(child, `did not start: ${error.message}`);
      else log.error({ err: error }, 'the vision process could not be reached');
    });
    child.once('exit', (code, signal) => {
      this.#exited(child, `ended (${signal ?? `exit code ${code}`})`);
    });
    return child;
  }

  #receive(message: unknown): void {
    if (!isMessage(message)) return this.#condemn('sent what is no message');
    if (this.#boot === null && message.type !== 'hello') return this.#condemn('sent no hello');
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
        this.#becameReady(message.builds, message.loadMs);
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
        handlers.stats(message.stats);
        break;
      case 'analysed':
        this.#analyses.answer(message.requestId, message.analysis);
        break;
      case 'sourcesEnded':
        handlers.sourcesEnded(message.frames);
        break;
      case 'fault':
        log[message.fatal ? 'error' : 'warn']({ hint: message.hint }, message.error);
        break;
      default:
        this.#condemn('sent an unknown message');
    }
  }

  #greet(protocol: number, boot: string): void {
    if (protocol !== PROTOCOL) return this.#condemn(`speaks protocol ${protocol}, not ${PROTOCOL}`);
    this.#boot = boot;
    this.#send({ type: 'configure', config: this.#config, mode: this.#options.mode });
  }

  #becameReady(builds: readonly ActiveBuild[], loadMs: number): void {
    if (this.#state === 'starting') this.#state = 'running';
    this.#readyMs = performance.now();
    this.#expectLife(HEARTBEAT_MS);
    for (const cameraId of this.#paused) this.#send({ type: 'pause', cameraId, on: true });
    this.#options.handlers.ready(builds, loadMs);
  }

  #takeObservation(observation: Observation): void {
    const problem = problemOf(observation, this.#dimension);
    if (problem !== undefined) return this.#condemn(`sent a record that cannot be: ${problem}`);
    this.#dimension = observation.template.length;
    this.#send({ type: 'credit', observations: 1 });
    this.#options.handlers.observation(observation);
  }

  /** What a process does after a wrong message is not known: nothing more of it is heard. */
  #condemn(reason: string): void {
    this.#options.log.error(`the vision process ${reason}; ending it`);
    this.#child?.kill('SIGKILL');
  }

  #exited(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    clearTimeout(this.#aliveTimer);
    this.#analyses.failAll(unavailable('the vision process ended over the image'));
    this.#options.handlers.exited(this.#boot);
    this.#boot = null;
    this.#dimension = undefined;
    this.#ended(how);
  }

  #ended(how: string): void {
    const healthyMs = this.#readyMs === undefined ? 0 : performance.now() - this.#readyMs;
    this.#readyMs = undefined;
    if (this.#state === 'stopped') return;
    const { waitMs, looping } = this.#restartPolicy.next(healthyMs);
    this.#state = looping ? 'degraded' : 'waiting';
    this.#restarts++;
    const again = looping ? 'again and again; trying it now and then' : 'starting it again';
    this.#options.log.error({ waitMs }, `the vision process ${how}; ${again}`);
    this.#restartTimer = setTimeout(() => this.start(), waitMs);
  }

  /** A blocked JavaScript thread hears no other signal than SIGKILL. */
  #expectLife(withinMs: number): void {
    clearTimeout(this.#aliveTimer);
    const dueMs = performance.now() + withinMs;
    this.#aliveTimer = setTimeout(() => {
      // Its signs of life may lie unread while a slow disk held this process up.
      if (performance.now() - dueMs > LATE_MS) return this.#expectLife(withinMs);
      this.#condemn(`gave no sign of life for ${withinMs / 1000} s`);
    }, withinMs);
  }

  #send(message: DaemonMessage): void {
    const child = this.#child;
    if (child?.connected !== true) return;
    child.send(message, (error) => {
      if (error) this.#options.log.debug({ err: error }, 'a message did not arrive');
    });
  }
}

function isMessage(message: unknown): message is VisionMessage {
  return typeof message === 'object' && message !== null && 'type' in message;
}

function unavailable(message: string): FaceEvalError {
  return new FaceEvalError('VISION', message, { hint: 'it is started again by itself: try again' });
}
