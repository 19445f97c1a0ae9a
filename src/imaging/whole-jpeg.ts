const END_OF_IMAGE = 0xd9;

/**
 * Whether the end of a JPEG is there. Its decoder fills what is missing with grey and says nothing.
 *
 * Segments are stepped over by their length, as the thumbnail in one has an end of its own; what
 * comes behind the end, as the film of a moving photo, does not count.
 */
export function isWholeJpeg(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = buffer.indexOf(0xff);
  while (at >= 0 && at + 1 < buffer.length) {
    const marker = buffer.readUInt8(at + 1);
    if (marker === END_OF_IMAGE) return true;
    let next = at + 2;
    if (marker === 0xff) next = at + 1;
    else if (hasLength(marker)) {
      if (next + 2 > buffer.length) return false;
      next += buffer.readUInt16BE(next);
    }
    at = buffer.indexOf(0xff, next);
  }
  return false;
}

/** Not so the zero that follows each 0xff of the pixels, restarts within them, and the start. */
function hasLength(marker: number): boolean {
  return marker > 0x01 && !(marker >= 0xd0 && marker <= 0xd8);
}
