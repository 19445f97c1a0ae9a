import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { messageOf } from '../../domain/errors.js';
import { monotonicMs } from './frame-slots.js';
import type { SourceCommand } from './source-command.js';
import { type FrameSink, Y4mReader } from './y4m-reader.js';

/** How a decoder ended. */
export interface DecoderEnd {
  readonly exitCode: number | null;
  /** The last lines of its standard error. */
  readonly complaint: string;
  /** It was ended because it delivered nothing for so long. */
  readonly stalled: boolean;
  /** It was asked to end. */
  readonly stopped: boolean;
  /** Whole frames that it delivered. */
  readonly frames: number;
}

const COMPLAINT_CHARS = 4_000;
/** A live source is asked to end first, so that the camera's session is closed in order. */
const FAREWELL_MS = 700;
const WATCH_MS = 500;
const SETPRIV = '/usr/bin/setpriv';

/**
 * One run of one decoder process: its output is cut into frames for the sink, its complaints are
 * kept, and it is ended when it stalls. `onEnd` is called exactly once.
 */
export class Decoder {
  readonly #child: ChildProcess;
  readonly #reader: Y4mReader;
  #complaint = '';
  #frames = 0;
  #stalled = false;
  #stopping = false;
  #lastSignMs = monotonicMs();
  readonly #watch: NodeJS.Timeout;
  #farewell: NodeJS.Timeout | undefined;
  /** Bytes that wait for a free slot. */
  #held: Uint8Array | undefined;

  constructor(
    private readonly command: SourceCommand,
    sink: FrameSink,
    private readonly stallMs: number,
    private readonly onEnd: (end: DecoderEnd) => void,
  ) {
    this.#reader = new Y4mReader(
      {
        onFormat: (size, fps) => sink.onFormat(size, fps),
        onFrameStart: () => sink.onFrameStart(),
        onFrameEnd: () => {
          this.#frames++;
          this.#lastSignMs = monotonicMs();
          sink.onFrameEnd();
        },
      },
      command.bare,
    );
    const { program, args } = dyingWithParent(command);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-COMPLAINT_CHARS);
    });
    child.stdout.on('data', (chunk: Uint8Array) => this.#feed(chunk));
    child.once('error', (error) => {
      this.#complaint = `${command.program} does not start: ${error.message}`;
    });
    child.once('close', (code) => this.#close(code));
    this.#watch = setInterval(() => this.#checkStall(), WATCH_MS);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** A slot became free: a decoder that waited for one goes on. */
  resume(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#feed(held);
    if (this.#held === undefined) this.#child.stdout?.resume();
  }

  /** Ends the process; its frames are no longer taken, and `onEnd` follows. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.resume();
    if (this.command.kind === 'finite') {
      this.#kill();
      return;
    }
    this.#child.kill('SIGTERM');
    this.#farewell = setTimeout(() => this.#kill(), FAREWELL_MS);
  }

  #feed(chunk: Uint8Array): void {
    if (this.#stopping) return;
    let taken = chunk.length;
    try {
      taken = this.#reader.write(chunk);
    } catch (error) {
      this.#complaint = messageOf(error);
      this.#kill();
    }
    if (taken === chunk.length) return;
    this.#held = chunk.subarray(taken);
    this.#child.stdout?.pause();
  }

  #close(exitCode: number | null): void {
    const stopped = this.#stopping;
    this.#stopping = true;
    clearInterval(this.#watch);
    clearTimeout(this.#farewell);
    this.onEnd({
      exitCode,
      complaint: this.#complaint,
      stalled: this.#stalled,
      stopped,
      frames: this.#frames,
    });
  }

  #checkStall(): void {
    // A decoder that waits for the pipeline does not stall.
    if (this.#held !== undefined) this.#lastSignMs = monotonicMs();
    if (monotonicMs() - this.#lastSignMs < this.stallMs) return;
    this.#stalled = true;
    this.#kill();
  }

  #kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/**
 * A decoder that waits for a silent camera would outlive a killed vision process, since nothing is
 * written to the broken pipe. The kernel ends it with the thread that started it.
 */
function dyingWithParent({ program, args }: SourceCommand): {
  program: string;
  args: readonly string[];
} {
  if (!existsSync(SETPRIV)) return { program, args };
  return { program: SETPRIV, args: ['--pdeathsig', 'KILL', '--', program, ...args] };
}
