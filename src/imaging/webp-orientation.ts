const ORIENTATION_TAG = 0x0112;
const ENTRY_BYTES = 12;
/** Some writers put a JPEG's heading before the data. */
const JPEG_HEADING = 'Exif\0\0';

/**
 * How a WebP picture has to be turned, as its EXIF data says: 1 (upright) to 8. OpenCV follows it in
 * JPEG and PNG files only.
 *
 * @returns 1 where nothing readable is said.
 */
export function webpOrientation(bytes: Uint8Array): number {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // A header of `RIFF`, size and `WEBP`, then chunks of an even length: name, size, data.
  for (let at = 12; at + 8 <= file.length; ) {
    const end = at + 8 + file.readUInt32LE(at + 4);
    if (file.toString('latin1', at, at + 4) === 'EXIF') {
      return orientationOf(file.subarray(at + 8, end));
    }
    at = end + (end & 1);
  }
  return 1;
}

function orientationOf(exif: Buffer): number {
  const hasHeading = exif.toString('latin1', 0, JPEG_HEADING.length) === JPEG_HEADING;
  const tiff = hasHeading ? exif.subarray(JPEG_HEADING.length) : exif;
  const isLittle = tiff.toString('latin1', 0, 2) === 'II';
  const short = (at: number): number => {
    if (at + 2 > tiff.length) return 0;
    return isLittle ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at);
  };
  if (tiff.length < 8) return 1;
  const directory = isLittle ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
  for (let index = 0; index < short(directory); index++) {
    const entry = directory + 2 + index * ENTRY_BYTES;
    if (short(entry) !== ORIENTATION_TAG) continue;
    const value = short(entry + 8);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
