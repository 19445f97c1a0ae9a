import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '../daemon/database.js';
import { FaceEvalError } from '../domain/errors.js';
import type { Hit } from '../domain/records.js';
import { auditKills, type KillReport, type StoredHit } from './kill-audit.js';
import type { WriterLine, WriterOrder } from './kill-writer.js';

export interface KillTortureOptions {
  readonly kills: number;
  /** Empty folder for the database. */
  readonly stateDir: string;
  /** Told after each kill. */
  readonly onKill?: (done: number) => void;
}

/** A kill falls so long after the database was opened, at most. */
const LONGEST_LIFE_MS = 120;
/** One kill of so many falls while the process starts and the database is being opened. */
const EARLY_KILL_EVERY = 8;
const STARTUP_MS = 300;
/** How long the broker takes to acknowledge, at most. */
const LONGEST_ACKNOWLEDGEMENT_MS = 15;
/** Appearances of the last run, which nobody disturbs. */
const CALM_APPEARANCES = 20;
/** People who are shown; each appearance is a track `<process>-<appearance>`. */
const TRACK = /-(\d+)$/;

const WRITER = fileURLToPath(new URL('./kill-writer.js', import.meta.url));

/**
 * Kills (SIGKILL) a process that records and publishes hits, again and again at random moments,
 * then lets it run to its end and compares what it promised with what is there. What a power cut
 * does beyond a kill, which loses what the kernel had not written, is not part of it.
 *
 * @throws FaceEvalError STORE when a writer ends by itself.
 */
export async function runKillTorture(options: KillTortureOptions): Promise<KillReport> {
  const run = new KillRun(options.stateDir);
  for (let kill = 1; kill <= options.kills; kill++) {
    await run.killOnce(kill % EARLY_KILL_EVERY === 0);
    options.onKill?.(kill);
  }
  await run.endCalmly();
  return auditKills({ kills: options.kills, ...run.records(await readHits(options.stateDir)) });
}

async function readHits(stateDir: string): Promise<StoredHit[]> {
  const { db } = await openDatabase(stateDir);
  try {
    return db
      .prepare<[], { payload: string }>('SELECT payload FROM hits ORDER BY id')
      .all()
      .map(({ payload }) => JSON.parse(payload) as Hit)
      .map(({ id, track }) => ({ id, appearance: Number(TRACK.exec(track)?.[1]) }));
  } finally {
    db.close();
  }
}

/** One writer after the other on one database, and all that they said. */
class KillRun {
  readonly #committed = new Set<string>();
  readonly #received: string[] = [];
  #next = 0;
  #corrupt = 0;
  #waiting = 0;

  constructor(private readonly stateDir: string) {}

  async killOnce(early: boolean): Promise<void> {
    const writer = this.#start();
    const opened = writer.until((line) => 'opened' in line);
    const lifeMs = Math.random() * (early ? STARTUP_MS : LONGEST_LIFE_MS);
    if (!early) await opened;
    await new Promise((resolve) => setTimeout(resolve, lifeMs));
    writer.child.kill('SIGKILL');
    await writer.ended;
    if (writer.child.signalCode !== 'SIGKILL') throw writer.failure();
  }

  async endCalmly(): Promise<void> {
    const last = this.#next + CALM_APPEARANCES;
    const writer = this.#start();
    await writer.until((line) => 'finished' in line && line.finished >= last);
    writer.order({ end: true });
    await writer.ended;
    if (writer.child.exitCode !== 0) throw writer.failure();
  }

  records(stored: readonly StoredHit[]) {
    return {
      appearances: this.#next,
      committed: this.#committed,
      received: this.#received,
      stored,
      waiting: this.#waiting,
      corrupt: this.#corrupt,
    };
  }

  #start(): Writer {
    return new Writer([this.stateDir, String(this.#next)], (line, writer) => {
      if ('opened' in line && (line.repair !== undefined || line.integrity !== 'ok')) {
        this.#corrupt++;
      } else if ('committed' in line) this.#committed.add(line.committed);
      else if ('finished' in line) this.#next = line.finished + 1;
      else if ('drained' in line) this.#waiting = line.waiting;
      else if ('published' in line) {
        this.#received.push(line.published);
        const order = { acknowledge: line.ticket };
        setTimeout(() => writer.order(order), Math.random() * LONGEST_ACKNOWLEDGEMENT_MS);
      }
    });
  }
}

/** A writer process and the lines that it says. */
class Writer {
  readonly child: ChildProcess;
  /** The process is gone and everything that it said was read. */
  readonly ended: Promise<unknown>;
  readonly #waits: { readonly is: (line: WriterLine) => boolean; readonly done: () => void }[] = [];
  #words = '';

  constructor(args: readonly string[], onLine: (line: WriterLine, writer: Writer) => void) {
    this.child = fork(WRITER, [...args], { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'ipc'] });
    this.child.stderr?.on('data', (chunk) => {
      this.#words += String(chunk);
    });
    const lines = createInterface({ input: this.child.stdio[3] as Readable });
    lines.on('line', (text) => {
      // A kill can cut the last line short; what it would have said was not said.
      const line = parse(text);
      if (line === undefined) return;
      onLine(line, this);
      for (const { is, done } of this.#waits) if (is(line)) done();
    });
    this.ended = Promise.all([once(this.child, 'exit'), once(lines, 'close')]);
  }

  /** Waits for a line, or for the end of the process. */
  async until(is: (line: WriterLine) => boolean): Promise<void> {
    await Promise.race([
      this.ended,
      new Promise<void>((done) => {
        this.#waits.push({ is, done });
      }),
    ]);
  }

  order(order: WriterOrder): void {
    // The writer may have been killed in between: then nobody waits for it.
    if (this.child.connected) this.child.send(order, () => {});
  }

  failure(): FaceEvalError {
    const how = this.child.signalCode ?? `exit code ${this.child.exitCode}`;
    return new FaceEvalError('STORE', `a writer ended by itself (${how}): ${this.#words.trim()}`, {
      hint: 'the message above says why; the state folder was kept',
    });
  }
}

function parse(text: string): WriterLine | undefined {
  try {
    return JSON.parse(text) as WriterLine;
  } catch {
    return undefined;
  }
}
