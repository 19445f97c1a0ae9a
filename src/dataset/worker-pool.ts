import { join } from 'node:path';
import { FaceEvalError } from '../domain/errors.js';
import { type Batch, Member } from './pool-member.js';

/** Batches that a worker has at once: while it works on one, the next waits in its pipe. */
const CREDIT = 2;
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
