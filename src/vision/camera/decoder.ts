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
/** A camera may take so long until the first picture: it waits for the next key frame. */
const OPENING_MS = 12_000;
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
  #ended = false;
  #lastSignMs = monotonicMs();
  readonly #watch: NodeJS.Timeout;
  #farewell: NodeJS.Timeout | undefined;
  /** Output that waits for a free slot. */
  #held: Uint8Array[] = [];
  /** Set when the process has ended. */
  #closed: { readonly exitCode: number | null } | undefined;

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
    child.once('close', (exitCode) => {
      this.#closed = { exitCode };
      clearInterval(this.#watch);
      clearTimeout(this.#farewell);
      this.#endWhenDrained();
    });
    this.#watch = setInterval(() => this.#checkStall(), WATCH_MS);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** A slot became free: a decoder that waited for one goes on. */
  resume(): void {
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = [];
    for (const chunk of held) this.#feed(chunk);
    if (this.#held.length === 0) this.#child.stdout?.resume();
    this.#endWhenDrained();
  }

  /** Ends the process; its frames are no longer taken, and `onEnd` follows. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    // What is held is not wanted any more, and a decoder that waits would not hear the signal.
    this.resume();
    if (this.command.kind === 'finite') {
      this.#kill();
      return;
    }
    this.#child.kill('SIGTERM');
    this.#farewell = setTimeout(() => this.#kill(), FAREWELL_MS);
  }

  /** Node lets a paused stream flow once its process has ended, so chunks queue up here. */
  #feed(chunk: Uint8Array): void {
    if (this.#stopping) return;
    if (this.#held.length > 0) {
      this.#held.push(chunk);
      return;
    }
    let taken = chunk.length;
    try {
      taken = this.#reader.write(chunk);
    } catch (error) {
      this.#complaint = messageOf(error);
      this.#kill();
    }
    if (taken === chunk.length) return;
    this.#held.push(chunk.subarray(taken));
    this.#child.stdout?.pause();
  }

  #endWhenDrained(): void {
    if (this.#closed === undefined || this.#held.length > 0 || this.#ended) return;
    this.#ended = true;
    this.onEnd({
      exitCode: this.#closed.exitCode,
      complaint: this.#complaint,
      stalled: this.#stalled,
      stopped: this.#stopping,
      frames: this.#frames,
    });
  }

  #checkStall(): void {
    // A decoder that waits for the pipeline does not stall.
    if (this.#held.length > 0) this.#lastSignMs = monotonicMs();
    const allowedMs = this.#frames > 0 ? this.stallMs : Math.max(this.stallMs, OPENING_MS);
    if (monotonicMs() - this.#lastSignMs < allowedMs) return;
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
