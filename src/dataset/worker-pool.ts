import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorCode, FaceEvalError } from '../domain/errors.js';
import type { WorkerAnswer, WorkerOrder } from './worker-messages.js';

/** Batches that a worker has at once: while it works on one, the next waits in its pipe. */
const CREDIT = 2;
/** A worker that says nothing for so long hangs. */
const BATCH_TIMEOUT_MS = 120_000;
/** Workers that may die one after the other with nothing done in between. */
const MAX_FRUITLESS_DEATHS = 6;

/** Work for a pool. */
export interface PoolWork<Setup, Item, Result> {
  /** Compiled module of the worker; it calls {@link serveBatches}. */
  readonly module: string;
  /** Tells each worker how to set up. `folder` is its own, to write into. */
  readonly setup: (folder: string) => Setup;
  readonly items: readonly Item[];
  readonly workers: number;
  readonly batchSize: number;
  /** Existing folder for what the workers write; the caller removes it. */
  readonly folder: string;
  /** Told of every batch, as soon as it is done. */
  readonly onResults: (items: readonly Item[], results: readonly Result[]) => void;
  /** Told of an item that ended its worker when it was worked on alone. */
  readonly onFatal: (item: Item, reason: string) => void;
  readonly signal?: AbortSignal;
}

interface Batch<Item> {
  readonly id: number;
  readonly items: readonly Item[];
}

/**
 * Works on items in processes, because native code may crash and inference blocks a process. A
 * worker that dies is replaced: its batch is tried again item by item, so that only the item that
 * kills it is lost.
 *
 * @throws FaceEvalError of a worker's set-up, or VISION when workers die again and again. The
 *   signal's reason when it was aborted; results of finished batches were told before.
 */
export function runPool<Setup, Item, Result>(work: PoolWork<Setup, Item, Result>): Promise<void> {
  return new Pool(work).run();
}

class Pool<Setup, Item, Result> {
  readonly #work: PoolWork<Setup, Item, Result>;
  readonly #members = new Set<Member<Setup, Item, Result>>();
  /** Batches that come before the items that were not batched yet. */
  readonly #again: Batch<Item>[] = [];
  #next = 0;
  #batches = 0;
  #started = 0;
  #fruitlessDeaths = 0;
  #over = false;
  #settle: (error?: unknown) => void = () => {};

  constructor(work: PoolWork<Setup, Item, Result>) {
    this.#work = work;
  }

  async run(): Promise<void> {
    const { items, workers, batchSize, signal } = this.#work;
    if (items.length === 0) return;
    signal?.throwIfAborted();
    const stop = () => this.#end(signal?.reason);
    const done = new Promise<void>((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    signal?.addEventListener('abort', stop, { once: true });
    const wanted = Math.min(workers, Math.ceil(items.length / batchSize));
    for (let n = 0; n < wanted; n++) this.#start();
    try {
      await done;
    } finally {
      signal?.removeEventListener('abort', stop);
      await Promise.all([...this.#members].map((member) => member.stop()));
    }
  }

  #start(): void {
    const folder = join(this.#work.folder, `worker-${++this.#started}`);
    const member = new Member<Setup, Item, Result>(this.#work.module, folder, {
      onReady: () => this.#feed(member),
      onDone: (batch, results) => {
        this.#fruitlessDeaths = 0;
        this.#work.onResults(batch.items, results);
        this.#feed(member);
      },
      onRefused: (batch, reason) => {
        this.#suspect(batch.items, reason);
        this.#feed(member);
      },
      onFailed: (error) => this.#end(error),
      onDeath: (reason) => this.#bury(member, reason),
    });
    this.#members.add(member);
    member.setUp(this.#work.setup(folder));
  }

  #feed(member: Member<Setup, Item, Result>): void {
    if (this.#over) return;
    while (member.outstanding.length < CREDIT) {
      const batch = this.#take();
      if (batch === undefined) break;
      member.order(batch);
    }
    const working = [...this.#members].some(({ outstanding }) => outstanding.length > 0);
    if (!working && this.#next >= this.#work.items.length) this.#end();
  }

  #take(): Batch<Item> | undefined {
    const again = this.#again.shift();
    if (again !== undefined) return again;
    const { items, batchSize } = this.#work;
    if (this.#next >= items.length) return undefined;
    const first = this.#next;
    this.#next += batchSize;
    return this.#batchOf(items.slice(first, this.#next));
  }

  #batchOf(items: readonly Item[]): Batch<Item> {
    return { id: this.#batches++, items };
  }

  /** Only the first outstanding batch was worked on; the others waited in the pipe. */
  #bury(member: Member<Setup, Item, Result>, reason: string): void {
    this.#members.delete(member);
    if (this.#over) return;
    const [suspect, ...innocent] = member.outstanding;
    this.#again.unshift(...innocent);
    this.#fruitlessDeaths++;
    this.#suspect(suspect?.items ?? [], reason);
    if (this.#fruitlessDeaths > MAX_FRUITLESS_DEATHS) {
      const message = `the processes that look at images end again and again: ${reason}`;
      this.#end(new FaceEvalError('VISION', message, { hint: 'run `faceeval doctor`' }));
      return;
    }
    this.#start();
  }

  /** Tries the items of a batch one by one; one that was alone already is to blame. */
  #suspect(items: readonly Item[], reason: string): void {
    const [only, ...others] = items;
    if (only !== undefined && others.length === 0) {
      this.#work.onFatal(only, reason);
      this.#fruitlessDeaths = 0;
      return;
    }
    this.#again.unshift(...items.map((item) => this.#batchOf([item])));
  }

  #end(error?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#settle(error);
  }
}

interface MemberEvents<Item, Result> {
  readonly onReady: () => void;
  readonly onDone: (batch: Batch<Item>, results: readonly Result[]) => void;
  readonly onRefused: (batch: Batch<Item>, reason: string) => void;
  readonly onFailed: (error: FaceEvalError) => void;
  /** Ended by itself or killed because it hung; `outstanding` holds what it had. */
  readonly onDeath: (reason: string) => void;
}

/** One worker process as the pool sees it. */
class Member<Setup, Item, Result> {
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
