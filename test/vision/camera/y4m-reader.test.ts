import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FrameSink, Y4mReader } from '../../../src/vision/camera/y4m-reader.js';

const SIZE = { width: 6, height: 4 };
const FRAME_BYTES = 36;

/** Frames that hold bytes of every kind, newlines among them. */
const frame = (seed: number): Uint8Array =>
  Uint8Array.from({ length: FRAME_BYTES }, (_, index) => (seed * 37 + index * 11) % 256);

/** Keeps whole frames; has room, has none, or does not care, as `answers` say. */
class Sink implements FrameSink {
  readonly frames: (number[] | 'skipped')[] = [];
  readonly formats: unknown[] = [];
  #current: Uint8Array | 'skip' | 'wait' = 'wait';
  #asked = 0;

  constructor(private readonly answers: readonly ('room' | 'skip' | 'wait')[] = ['room']) {}

  onFormat(size: unknown, fps: number): void {
    this.formats.push({ size, fps });
  }
  onFrameStart(): Uint8Array | 'skip' | 'wait' {
    const answer = this.answers[this.#asked++ % this.answers.length];
    this.#current = answer === 'room' ? new Uint8Array(FRAME_BYTES) : (answer ?? 'wait');
    return this.#current;
  }
  onFrameEnd(): void {
    this.frames.push(this.#current instanceof Uint8Array ? [...this.#current] : 'skipped');
  }
}

const HEADER = 'YUV4MPEG2 W6 H4 F30000:1001 Ip A1:1 C420mpeg2 XYSCSS=420MPEG2\n';
const stream = (count: number, header = HEADER, line = 'FRAME\n'): Buffer =>
  Buffer.concat([
    Buffer.from(header),
    ...Array.from({ length: count }, (_, n) => Buffer.concat([Buffer.from(line), frame(n)])),
  ]);

/** Feeds as a socket does: into the space that is asked for, at most `most` bytes at a time. */
function feedInPlace(reader: Y4mReader, bytes: Uint8Array, most: (turn: number) => number): void {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const space = reader.space();
    const count = Math.min(space.length, bytes.length - at, Math.max(1, most(turn)));
    space.set(bytes.subarray(at, at + count));
    at += count;
    reader.take(space.subarray(0, count));
    for (let tries = 0; reader.waiting && tries < 50; tries++) reader.resume();
  }
}

describe('Y4mReader', () => {
  const answers = fc
    .array(fc.constantFrom('room' as const, 'skip' as const, 'wait' as const), { maxLength: 6 })
    .map((list) => [...list, 'room' as const]);
  const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 20 });

  for (const bare of [undefined, { ...SIZE, fps: 15 }]) {
    const bytes = (count: number) => (bare ? stream(count, '', '') : stream(count));

    it(`gives the frames of a ${bare ? 'bare' : 'YUV4MPEG2'} stream byte by byte, however it comes`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 9 }), answers, sizes, (count, given, chunks) => {
          const sink = new Sink(given);
          feedInPlace(
            new Y4mReader(sink, bare),
            bytes(count),
            (turn) => chunks[turn % chunks.length] as number,
          );
          expect(sink.frames).toHaveLength(count);
          for (const [n, got] of sink.frames.entries()) {
            if (got !== 'skipped') expect(got).toEqual([...frame(n)]);
          }
        }),
      );
    });

    it(`takes bytes from anywhere and holds them while there is no room (${bare ? 'bare' : 'headed'})`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 9 }), answers, sizes, (count, given, chunks) => {
          const sink = new Sink(given);
          const reader = new Y4mReader(sink, bare);
          const whole = bytes(count);
          for (let at = 0, turn = 0; at < whole.length; turn++) {
            const end = at + (chunks[turn % chunks.length] as number);
            reader.take(whole.subarray(at, end));
            at = end;
          }
          for (let tries = 0; reader.waiting && tries < 99; tries++) reader.resume();
          expect(sink.frames).toHaveLength(count);
          for (const [n, got] of sink.frames.entries()) {
            if (got !== 'skipped') expect(got).toEqual([...frame(n)]);
          }
        }),
      );
    });
  }

  it('tells size and rate before the first frame', () => {
    const sink = new Sink();
    new Y4mReader(sink).take(stream(0));
    expect(sink.formats).toEqual([{ size: SIZE, fps: 30_000 / 1001 }]);
  });

  it.each(['F1000:1', 'F0:0', 'F'])('takes 25 frames a second for a header with %s', (rate) => {
    const sink = new Sink();
    new Y4mReader(sink).take(stream(0, `YUV4MPEG2 W6 H4 ${rate} C420\n`));
    expect(sink.formats).toEqual([{ size: SIZE, fps: 25 }]);
  });

  it('refuses what is no 8-bit 4:2:0 stream', () => {
    const bad = [
      'RIFF1234AVI \n',
      'YUV4MPEG2 W6 H4 F15:1 C422\n',
      'YUV4MPEG2 W6 H4 F15:1 C420p10\n',
      'YUV4MPEG2 W5 H4 F15:1\n',
      'YUV4MPEG2 W0 H4 F15:1\n',
      'x'.repeat(2_000),
    ];
    for (const header of bad) {
      expect(() => new Y4mReader(new Sink()).take(Buffer.from(header)), header).toThrow(
        /YUV4MPEG2/,
      );
    }
    expect(() => new Y4mReader(new Sink()).take(stream(1, HEADER, 'FRAMX\n'))).toThrow(/step/);
  });
});
