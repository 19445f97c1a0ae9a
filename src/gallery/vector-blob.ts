import type { Template } from '../domain/records.js';

/** Little-endian float32, as every supported processor has it. */
export function toBlob(vector: Template): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}

/** Copies, since a blob need not lie on a multiple of four. */
export function fromBlob(blob: Buffer): Template {
  const vector = new Float32Array(blob.byteLength / 4);
  new Uint8Array(vector.buffer).set(blob);
  return vector;
}
