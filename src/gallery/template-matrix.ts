import type { Template } from '../domain/records.js';
import { SCAN_KERNEL } from './scan-kernel.js';

interface ScanExports {
  readonly memory: WebAssembly.Memory;
  readonly scan: (
    row: number,
    count: number,
    stride: number,
    probe: number,
    similarities: number,
  ) => void;
}

const PAGE_BYTES = 65_536;
/** Rows are filled up with zeros to a multiple of so many bytes. */
const ROW_UNIT_BYTES = 64;
/** Rows scanned at once: their similarities stay in the processor's first cache. */
const BLOCK_ROWS = 2_048;
const PROBE_ADDRESS = BLOCK_ROWS * Float32Array.BYTES_PER_ELEMENT;
const ROWS_ADDRESS = PAGE_BYTES;
/** Most values that a template can have: the probe lies between similarities and rows. */
const MAX_DIMENSION = (ROWS_ADDRESS - PROBE_ADDRESS) / Float32Array.BYTES_PER_ELEMENT;
const MAX_BYTES = 65_536 * PAGE_BYTES;

let compiled: WebAssembly.Module | undefined;

/**
 * Templates of one dimension in one block of memory, compared with a probe by a SIMD loop
 * (scan-kernel.wat). Rows have no names; removing one moves the last into its place.
 */
export class TemplateMatrix {
  readonly dimension: number;
  readonly #strideBytes: number;
  readonly #kernel: ScanExports;
  #floats: Float32Array;
  #count = 0;

  constructor(dimension: number) {
    if (dimension < 1 || dimension > MAX_DIMENSION) {
      throw new RangeError(`a template has 1 to ${MAX_DIMENSION} values, not ${dimension}`);
    }
    compiled ??= new WebAssembly.Module(Buffer.from(SCAN_KERNEL, 'base64'));
    this.#kernel = new WebAssembly.Instance(compiled).exports as unknown as ScanExports;
    this.#floats = new Float32Array(this.#kernel.memory.buffer);
    this.dimension = dimension;
    this.#strideBytes = Math.ceil((dimension * 4) / ROW_UNIT_BYTES) * ROW_UNIT_BYTES;
  }

  get count(): number {
    return this.#count;
  }

  /** Memory that is taken for rows, whether filled or not. */
  get sizeBytes(): number {
    return this.#kernel.memory.buffer.byteLength;
  }

  /** @returns Number of the new row. */
  append(vector: Template): number {
    this.#require(vector);
    const row = this.#count;
    this.#reserve(row + 1);
    this.#floats.set(vector, this.#offsetOf(row));
    this.#count++;
    return row;
  }

  /** Removes a row; the last one takes its number. */
  remove(row: number): void {
    if (row < 0 || row >= this.#count) throw new RangeError(`there is no row ${row}`);
    const last = this.#offsetOf(this.#count - 1);
    this.#floats.copyWithin(this.#offsetOf(row), last, last + this.dimension);
    this.#floats.fill(0, last, last + this.dimension);
    this.#count--;
  }

  /** Forgets every row; the memory is kept for the next ones, without what was in it. */
  clear(): void {
    this.#floats.fill(0, ROWS_ADDRESS / 4, this.#offsetOf(this.#count));
    this.#count = 0;
  }

  /**
   * Dot products of all rows with the probe, block by block.
   *
   * @param take Gets the products of the rows from `first` on; valid only during the call.
   */
  scan(probe: Template, take: (similarities: Float32Array, first: number) => void): void {
    this.#require(probe);
    this.#floats.set(probe, PROBE_ADDRESS / 4);
    for (let first = 0; first < this.#count; first += BLOCK_ROWS) {
      const rows = Math.min(BLOCK_ROWS, this.#count - first);
      const address = ROWS_ADDRESS + first * this.#strideBytes;
      this.#kernel.scan(address, rows, this.#strideBytes, PROBE_ADDRESS, 0);
      take(this.#floats.subarray(0, rows), first);
    }
  }

  #offsetOf(row: number): number {
    return (ROWS_ADDRESS + row * this.#strideBytes) / 4;
  }

  #require({ length }: Template): void {
    if (length !== this.dimension) {
      throw new RangeError(`a template of ${length} values among those of ${this.dimension}`);
    }
  }

  /** Grows by an eighth at least; pages that nothing was written to cost no memory. */
  #reserve(rows: number): void {
    const { memory } = this.#kernel;
    const needed = ROWS_ADDRESS + rows * this.#strideBytes;
    const present = memory.buffer.byteLength;
    if (needed <= present) return;
    const wanted = Math.min(MAX_BYTES, Math.max(needed, present * 1.125));
    memory.grow(Math.ceil((wanted - present) / PAGE_BYTES));
    this.#floats = new Float32Array(memory.buffer);
  }
}
