import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { type ErrorCode, FaceEvalError } from '../domain/errors.js';
import type { WorkerAnswer, WorkerOrder } from './worker-messages.js';

/** A worker that says nothing for so long hangs. */
const BATCH_TIMEOUT_MS = 120_000;
/** Items that are worked on together. */
export interface Batch<Item> {
  readonly id: number;
  readonly items: readonly Item[];
}

/** What a member of a pool tells. */
export interface MemberEvents<Item, Result> {
  readonly onReady: () => void;
  readonly onDone: (batch: Batch<Item>, results: readonly Result[]) => void;
  readonly onRefused: (batch: Batch<Item>, reason: string) => void;
  readonly onFailed: (error: FaceEvalError) => void;
  /** Ended by itself or killed because it hung; `outstanding` holds what it had. */
  readonly onDeath: (reason: string) => void;
}

/** One worker process as the pool sees it. */
export class Member<Setup, Item, Result> {
  readonly outstanding: Batch<Item>[] = [];
  readonly #child: ChildProcess;
  readonly #warningsPath: string;
  readonly #exited: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #hung = false;

  constructor(module: string, folder: string, events: MemberEvents<Item, Result>) {
    this.#warningsPath = `${folder}.stderr`;
    const stderr = openSync(this.#warningsPath, 'a');
    this.#child = fork(module, {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', stderr, 'ipc'],
    });
    closeSync(stderr);
    this.#child.on('message', (answer: WorkerAnswer<Result>) => this.#hear(answer, events));
    this.#exited = this.#ended().then((reason) => {
      clearTimeout(this.#timer);
      events.onDeath(reason);
      rmSync(this.#warningsPath, { force: true });
    });
    this.#watch();
  }

  /** Why the process ended, once it is gone and everything that it said was heard. */
  async #ended(): Promise<string> {
    const exit = new Promise<string>((resolve) => {
      this.#child.once('exit', (code, signal) => resolve(this.#describeDeath(code, signal)));
    });
    const silence = new Promise<void>((resolve) => {
      this.#child.once('disconnect', () => resolve());
    });
    const failure = new Promise<string>((resolve) => {
      this.#child.on('error', ({ message }) => {
        // An order that could not be sent to a dying process is told of by `exit`.
        if (this.#child.pid === undefined) resolve(message);
      });
    });
    return Promise.race([Promise.all([exit, silence]).then(([reason]) => reason), failure]);
  }

  setUp(setup: Setup): void {
    this.#send({ kind: 'setup', setup, warningsPath: this.#warningsPath });
  }

  order(batch: Batch<Item>): void {
    this.outstanding.push(batch);
    if (this.outstanding.length === 1) this.#watch();
    this.#send({ kind: 'batch', ...batch });
  }

  /** Ends the process and waits until it is gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #send(order: WorkerOrder<Setup, Item>): void {
    if (this.#child.connected) this.#child.send(order, () => {});
  }

  #hear(answer: WorkerAnswer<Result>, events: MemberEvents<Item, Result>): void {
    clearTimeout(this.#timer);
    if (answer.kind === 'failed') {
      const { code, message, hint } = answer;
      const more = hint === undefined ? {} : { hint };
      events.onFailed(new FaceEvalError(code as ErrorCode, message, more));
    } else if (answer.kind === 'ready') {
      events.onReady();
    } else {
      const batch = this.outstanding.shift();
      if (batch?.id !== answer.id) throw new Error('a worker answered out of order');
      if (this.outstanding.length > 0) this.#watch();
      if (answer.kind === 'done') events.onDone(batch, answer.results);
      else events.onRefused(batch, answer.reason);
    }
  }

  #watch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#hung = true;
      this.#child.kill('SIGKILL');
    }, BATCH_TIMEOUT_MS);
  }

  #describeDeath(code: number | null, signal: NodeJS.Signals | null): string {
    if (this.#hung) return `nothing was heard for ${BATCH_TIMEOUT_MS / 1000} s`;
    const words = readFileSync(this.#warningsPath, 'utf8').trim().split('\n').at(-1) ?? '';
    const how = signal === null ? `exit code ${code}` : signal;
    return `the process ended (${how})${words === '' ? '' : `: ${words}`}`;
  }
}
