import { readFileSync } from 'node:fs';
import { type Document, isMap, isNode, LineCounter, parseDocument } from 'yaml';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { ConfigPath } from './json-schema.js';

/** A parsed file that still knows where each value stands. */
export class YamlFile {
  readonly path: string;
  readonly #document: Document;
  readonly #lines: LineCounter;

  private constructor(path: string, document: Document, lines: LineCounter) {
    this.path = path;
    this.#document = document;
    this.#lines = lines;
  }

  /**
   * @throws FaceEvalError CONFIG when the file cannot be read or is no YAML, with line and column.
   */
  static read(path: string): YamlFile {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (cause) {
      throw new FaceEvalError('CONFIG', `cannot read ${path}: ${messageOf(cause)}`, {
        hint:
          (cause as NodeJS.ErrnoException).code === 'EACCES'
            ? 'the service’s settings and gallery are for its user: `sudo -u faceeval faceeval …`; ' +
              '--config FILE names another file'
            : 'give the file with --config FILE, or leave it out to run with the defaults',
        cause,
      });
    }
    return YamlFile.parse(path, text);
  }

  static parse(path: string, text: string): YamlFile {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0]);
      throw new FaceEvalError('CONFIG', `${path}:${line}:${col}: ${error.message}`, {
        hint: 'indent with blanks, one key a line, and quote texts that begin with @, *, & or `',
      });
    }
    return new YamlFile(path, document, lines);
  }

  /**
   * Plain values; an empty file is an empty section.
   *
   * @throws FaceEvalError CONFIG when an alias leads nowhere, or to far too much.
   */
  toValue(): unknown {
    try {
      return this.#document.toJS() ?? {};
    } catch (cause) {
      throw new FaceEvalError('CONFIG', `${this.path}: ${messageOf(cause)}`, {
        hint: 'an alias (*name) needs its anchor (&name) before it; quote a text that begins with *',
        cause,
      });
    }
  }

  /** `file:line:column` of the key at `path`, or of the nearest section around it that exists. */
  whereIs(path: ConfigPath): string {
    for (let length = path.length; length > 0; length--) {
      const offset = this.#offsetOf(path.slice(0, length));
      if (offset !== undefined) {
        const { line, col } = this.#lines.linePos(offset);
        return `${this.path}:${line}:${col}`;
      }
    }
    return this.path;
  }

  #offsetOf(path: ConfigPath): number | undefined {
    const last = path.at(-1);
    const parent = path.length === 1 ? this.#document.contents : this.#nodeAt(path.slice(0, -1));
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isNode(item.key) && String(item.key) === last);
      return pair !== undefined && isNode(pair.key) ? pair.key.range?.[0] : undefined;
    }
    const node = this.#nodeAt(path);
    return isNode(node) ? node.range?.[0] : undefined;
  }

  #nodeAt(path: ConfigPath): unknown {
    try {
      return this.#document.getIn(path, true);
    } catch {
      // The path leads through a plain value: the user wrote a value where a section belongs.
      return undefined;
    }
  }
}
