import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';

/** One line: which file in which state, and what was found. */
interface Entry<Value> {
  readonly path: string;
  /** Size and time of the file: another file of that name is looked at again. */
  readonly stamp: string;
  readonly value: Value;
}

/** A line that says that nothing is known of a file any more. */
interface Forgotten {
  readonly path: string;
  readonly forgotten: true;
}

/**
 * What was found of each file, one line of JSON each, appended as soon as it is known: a run that
 * was stopped or killed goes on from it. The first line says how it was found; a journal made in
 * another way is begun anew. A last line that was cut off is dropped.
 */
export class Journal<Value> {
  readonly #file: number;
  readonly #known: Map<string, Entry<Value>>;

  private constructor(file: number, known: Map<string, Entry<Value>>) {
    this.#file = file;
    this.#known = known;
  }

  /**
   * @param method Everything that the values depend on besides the files, as one string.
   * @throws FaceEvalError STORE when the file cannot be written.
   */
  static async open<Value>(path: string, method: string): Promise<Journal<Value>> {
    const known = new Map<string, Entry<Value>>();
    const head = `${JSON.stringify({ method })}\n`;
    try {
      mkdirSync(dirname(path), { recursive: true });
      const whole = existsSync(path) ? await readEntries(path, head, known) : 0;
      const file = openSync(path, 'a');
      const { size } = fstatSync(file);
      // A kill can cut off the end of the last line alone.
      if (size < whole) writeSync(file, '\n');
      else ftruncateSync(file, whole);
      if (whole === 0) writeSync(file, head);
      return new Journal(file, known);
    } catch (cause) {
      throw new FaceEvalError('STORE', `cannot write ${path}: ${messageOf(cause)}`, {
        hint: 'the folder beside the set must be writable, and the disk must have room',
        cause,
      });
    }
  }

  /** @returns How the values of a journal were found; undefined when there is no journal. */
  static async methodOf(path: string): Promise<string | undefined> {
    if (!existsSync(path)) return undefined;
    const handle = await open(path);
    try {
      for await (const line of handle.readLines()) return headOf(line);
    } finally {
      await handle.close();
    }
    return undefined;
  }

  /** What is known of a file in this state; undefined when nothing is. */
  recall(path: string, stamp: string): Value | undefined {
    const entry = this.#known.get(path);
    return entry?.stamp === stamp ? entry.value : undefined;
  }

  /** What is known, in whatever state the files were. */
  entries(): readonly Entry<Value>[] {
    return [...this.#known.values()];
  }

  append(entries: readonly Entry<Value>[]): void {
    for (const entry of entries) this.#known.set(entry.path, entry);
    this.#write(entries);
  }

  forget(paths: readonly string[]): void {
    for (const path of paths) this.#known.delete(path);
    this.#write(paths.map((path) => ({ path, forgotten: true })));
  }

  #write(lines: readonly (Entry<Value> | Forgotten)[]): void {
    writeSync(this.#file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** @returns Bytes of the whole lines that can be read; 0 when the journal is of another kind. */
async function readEntries<Value>(
  path: string,
  head: string,
  known: Map<string, Entry<Value>>,
): Promise<number> {
  const handle = await open(path);
  let bytes = 0;
  for await (const line of handle.readLines()) {
    if (bytes === 0) {
      if (`${line}\n` !== head) break;
    } else {
      const entry = parse<Value>(line);
      if (entry === undefined) break;
      if ('forgotten' in entry) known.delete(entry.path);
      else known.set(entry.path, entry);
    }
    bytes += Buffer.byteLength(line) + 1;
  }
  await handle.close();
  return bytes;
}

function parse<Value>(line: string): Entry<Value> | Forgotten | undefined {
  try {
    return JSON.parse(line) as Entry<Value> | Forgotten;
  } catch {
    return undefined;
  }
}

function headOf(line: string): string | undefined {
  try {
    return (JSON.parse(line) as { method?: string }).method;
  } catch {
    return undefined;
  }
}
