import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { messageOf } from '../../domain/errors.js';
import { monotonicMs } from './frame-slots.js';
import { openOutputPipe } from './output-pipe.js';
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
 * One run of one decoder process: its output is read straight into the sink's frames, its
 * complaints are kept, and it is ended when it stalls. `onEnd` is called exactly once.
 */
export class Decoder {
  readonly #child: ChildProcess;
  readonly #output: Socket;
  readonly #reader: Y4mReader;
  #complaint = '';
  #frames = 0;
  #stalled = false;
  #stopping = false;
  #lastSignMs = monotonicMs();
  readonly #watch: NodeJS.Timeout;
  #farewell: NodeJS.Timeout | undefined;

  /** @throws FaceEvalError CAMERA when no pipe can be made. */
  constructor(
    private readonly command: SourceCommand,
    sink: FrameSink,
    private readonly stallMs: number,
    onEnd: (end: DecoderEnd) => void,
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
    const { readFd, writeFd } = openOutputPipe();
    const { program, args } = dyingWithParent(command);
    const { stdin } = command;
    const input = stdin === undefined ? 'ignore' : 'pipe';
    this.#child = spawn(program, args, { stdio: [input, writeFd, 'pipe'] });
    closeSync(writeFd);
    // A decoder that is gone already says why in its exit code.
    this.#child.stdin?.on('error', () => {}).end(stdin);
    this.#output = this.#read(readFd);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-COMPLAINT_CHARS);
    });
    this.#child.once('error', (error) => {
      this.#complaint = `${command.program} does not start: ${error.message}`;
    });
    this.#watch = setInterval(() => this.#checkStall(), WATCH_MS);
    this.#whenGone((exitCode) =>
      onEnd({
        exitCode,
        complaint: this.#complaint,
        stalled: this.#stalled,
        stopped: this.#stopping,
        frames: this.#frames,
      }),
    );
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** A slot became free: a decoder that waited for one goes on. */
  resume(): void {
    if (!this.#reader.waiting) return;
    this.#reader.resume();
    if (!this.#reader.waiting) this.#output.resume();
  }

  /** Ends the process; its frames are no longer taken, and `onEnd` follows. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    // A decoder that waits to write would not hear the signal.
    this.#output.resume();
    if (this.command.kind === 'finite') {
      this.#kill();
      return;
    }
    this.#child.kill('SIGTERM');
    this.#farewell = setTimeout(() => this.#kill(), FAREWELL_MS);
  }

  #read(fd: number): Socket {
    const options: SocketConstructorOpts & ConnectOpts = {
      fd,
      readable: true,
      writable: false,
      onread: {
        buffer: () => this.#reader.space(),
        callback: (count, buffer) => this.#take(buffer.subarray(0, count)),
      },
    };
    const output = new Socket(options);
    output.on('error', (error) => {
      this.#complaint = messageOf(error);
    });
    return output;
  }

  /** @returns false to read no more for now. */
  #take(bytes: Uint8Array): boolean {
    if (this.#stopping) return true;
    try {
      this.#reader.take(bytes);
    } catch (error) {
      this.#complaint = messageOf(error);
      this.#kill();
    }
    return !this.#reader.waiting;
  }

  /** The process has ended and the last of its output was taken. */
  #whenGone(then: (exitCode: number | null) => void): void {
    let open = 2;
    let exitCode: number | null = null;
    const closed = (): void => {
      open--;
      if (open === 0) then(exitCode);
    };
    this.#output.once('close', closed);
    this.#child.once('close', (code) => {
      exitCode = code;
      clearInterval(this.#watch);
      clearTimeout(this.#farewell);
      closed();
    });
  }

  #checkStall(): void {
    // A decoder that waits for the pipeline does not stall.
    if (this.#reader.waiting) this.#lastSignMs = monotonicMs();
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
