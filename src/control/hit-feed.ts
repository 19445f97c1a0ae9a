import type { Writable } from 'node:stream';
import type { Hit } from '../domain/records.js';

/** A line of the stream of hits. */
export type FeedLine =
  | { readonly hit: Hit }
  /** So many hits were left out, as they were not read in time. */
  | { readonly dropped: number };

/** What waits for one reader, bytes; more is left out. */
const MAX_WAITING_BYTES = 256 * 1024;

interface Reader {
  readonly out: Writable;
  dropped: number;
}

/** Tells hits to whoever watches. A reader that is slow costs a bounded memory, and only itself. */
export class HitFeed {
  readonly #readers = new Set<Reader>();

  /** How many watch. */
  get size(): number {
    return this.#readers.size;
  }

  /**
   * @param out Is told of every hit from now on, until it closes.
   * @param earlier Hits to begin with, oldest first.
   */
  add(out: Writable, earlier: readonly Hit[] = []): void {
    const reader: Reader = { out, dropped: 0 };
    this.#readers.add(reader);
    out.on('drain', () => tellDropped(reader));
    out.once('close', () => this.#readers.delete(reader));
    for (const hit of earlier) tell(reader, hit);
  }

  publish(hit: Hit): void {
    for (const reader of this.#readers) tell(reader, hit);
  }

  /** Ends every reader's stream. */
  close(): void {
    for (const { out } of this.#readers) out.end();
    this.#readers.clear();
  }
}

function tell(reader: Reader, hit: Hit): void {
  if (reader.out.writableLength > MAX_WAITING_BYTES) {
    reader.dropped++;
    return;
  }
  tellDropped(reader);
  write(reader, { hit });
}

function tellDropped(reader: Reader): void {
  const { dropped } = reader;
  if (dropped === 0) return;
  reader.dropped = 0;
  write(reader, { dropped });
}

function write({ out }: Reader, line: FeedLine): void {
  if (!out.writableEnded && !out.destroyed) out.write(`${JSON.stringify(line)}\n`);
}
