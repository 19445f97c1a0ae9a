import type { Template } from '../domain/records.js';

/**
 * A template in a quarter of its size: one byte a value behind a common scale (float32). The cosine
 * to the original stays above 0.9998, so it can stand in for it where thousands are kept.
 */
export function toCompact(vector: Template): Buffer {
  const largest = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = largest / 127 || 1;
  const blob = Buffer.allocUnsafe(4 + vector.length);
  blob.writeFloatLE(scale, 0);
  vector.forEach((value, i) => {
    blob.writeInt8(Math.max(-127, Math.min(127, Math.round(value / scale))), 4 + i);
  });
  return blob;
}

/** @returns Unit vector. */
export function fromCompact(blob: Uint8Array): Template {
  const values = new Int8Array(blob.buffer, blob.byteOffset + 4, blob.byteLength - 4);
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)) || 1;
  return Float32Array.from(values, (value) => value / length);
}
