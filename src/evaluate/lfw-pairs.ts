import { join } from 'node:path';
import { FaceEvalError } from '../domain/errors.js';

/** Two images and whether they show one person. Paths are relative to the image folder. */
export interface ImagePair {
  readonly first: string;
  readonly second: string;
  readonly same: boolean;
}

/**
 * Reads the pairs of LFW view 2: a header, then `name i j` for one person and `name i other j` for
 * two, separated by tabs.
 *
 * @throws FaceEvalError USAGE that names the line which is neither.
 */
export function parseLfwPairs(text: string): ImagePair[] {
  const pairs: ImagePair[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (index === 0 || line.trim() === '') continue;
    const fields = line.trim().split(/\s+/);
    const [name, i, third, fourth] = fields;
    if (fields.length === 3 && name && i && third) {
      pairs.push({ first: imagePath(name, i), second: imagePath(name, third), same: true });
    } else if (fields.length === 4 && name && i && third && fourth) {
      pairs.push({ first: imagePath(name, i), second: imagePath(third, fourth), same: false });
    } else {
      throw new FaceEvalError(
        'USAGE',
        `line ${index + 1} of the pairs file is no pair: "${line}"`,
        {
          hint: 'expected "name i j" or "name i other j", as in the pairs.txt of LFW view 2',
        },
      );
    }
  }
  return pairs;
}

function imagePath(name: string, index: string): string {
  return join(name, `${name}_${index.padStart(4, '0')}.jpg`);
}
