import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sniffContent } from './image-file.js';
import type { InspectedFile } from './inspect-set.js';
import { byIdentity, listSet, type SetListing, UNLABELLED } from './set-listing.js';

/** Beginning of a file in which format and size are found; JPEGs may carry a thumbnail first. */
const HEADER_BYTES = 256 * 1024;
/** Files that are read at once. */
const READ_AHEAD = 32;
/** Lower ends of the classes of the histogram. */
const CLASSES = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000];

/** Least, middle and largest of something. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly mean: number;
  readonly max: number;
}

/** What a set holds, by file headers alone. */
export interface SetStats {
  readonly set: string;
  readonly images: number;
  /** Images without a label. */
  readonly unlabelled: number;
  /** Identities with a name. */
  readonly identities: number;
  readonly sizeBytes: number;
  readonly imagesPerIdentity: Spread | null;
  /** How many identities have `from` to `to` images; `to` is null in the last class. */
  readonly histogram: readonly {
    readonly from: number;
    readonly to: number | null;
    readonly identities: number;
  }[];
  /** Files by format; `none` where there is no picture. */
  readonly types: Readonly<Record<string, number>>;
  readonly widthPx: Spread | null;
  readonly heightPx: Spread | null;
  /** The most frequent sizes. */
  readonly sizes: readonly { readonly size: string; readonly images: number }[];
  readonly strays: readonly string[];
}

/** What the detector says of a set. */
export interface FaceStats {
  /** Images by number of faces: none, one, several; and those that cannot be read. */
  readonly none: number;
  readonly one: number;
  readonly several: number;
  readonly unreadable: number;
  /** Height of the largest face of an image. */
  readonly facePx: Spread | null;
}

/**
 * Counts a set.
 *
 * @throws FaceEvalError USAGE when it is none.
 */
export async function statSet(set: string): Promise<SetStats> {
  const listing = await listSet(set);
  const { root, files, strays } = listing;
  const groups = byIdentity(files);
  const counts = [...groups]
    .filter(([identity]) => identity !== UNLABELLED)
    .map(([, images]) => images.length);
  const headers = await readHeaders(listing);
  const sizes = headers.flatMap(({ size }) => size ?? []);
  return {
    set: root,
    images: files.length,
    unlabelled: groups.get(UNLABELLED)?.length ?? 0,
    identities: counts.length,
    sizeBytes: headers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    imagesPerIdentity: spreadOf(counts),
    histogram: histogramOf(counts),
    types: Object.fromEntries(tally(headers.map(({ type }) => type ?? 'none'))),
    widthPx: spreadOf(sizes.map(({ width }) => width)),
    heightPx: spreadOf(sizes.map(({ height }) => height)),
    sizes: tally(sizes.map(({ width, height }) => `${width}×${height}`))
      .slice(0, 5)
      .map(([size, images]) => ({ size, images })),
    strays,
  };
}

/** Counts the faces of an inspected set. */
export function statFaces(files: readonly InspectedFile[]): FaceStats {
  const pictures = files.flatMap(({ result }) => (result.kind === 'picture' ? [result] : []));
  const withFaces = (is: (count: number) => boolean) =>
    pictures.filter(({ faces }) => is(faces.length)).length;
  return {
    none: withFaces((count) => count === 0),
    one: withFaces((count) => count === 1),
    several: withFaces((count) => count > 1),
    unreadable: files.length - pictures.length,
    facePx: spreadOf(
      pictures
        .filter(({ faces }) => faces.length > 0)
        .map(({ faces }) => Math.max(...faces.map(([, , , height]) => height))),
    ),
  };
}

async function readHeaders({ root, files }: SetListing) {
  const headers: (ReturnType<typeof sniffContent> & { readonly sizeBytes: number })[] = [];
  for (let first = 0; first < files.length; first += READ_AHEAD) {
    const some = files.slice(first, first + READ_AHEAD);
    headers.push(...(await Promise.all(some.map(({ path }) => readHeader(join(root, path))))));
  }
  return headers;
}

async function readHeader(path: string) {
  try {
    const { size } = await stat(path);
    const file = await open(path);
    const bytes = Buffer.alloc(Math.min(size, HEADER_BYTES));
    await file.read(bytes, 0, bytes.length, 0);
    await file.close();
    return { ...sniffContent(bytes), sizeBytes: size };
  } catch {
    // Counted as what it is: a file that is no picture. `clean` says why.
    return { type: null, size: null, sizeBytes: 0 };
  }
}

/** @returns Null when there is nothing to spread. */
export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = [...values].sort((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  const median = sorted[(sorted.length - 1) >> 1];
  if (min === undefined || max === undefined || median === undefined) return null;
  const sum = sorted.reduce((total, value) => total + value, 0);
  return { min, median, mean: Math.round((100 * sum) / sorted.length) / 100, max };
}

/** Classes without an identity at either end are left out. */
export function histogramOf(counts: readonly number[]): SetStats['histogram'] {
  const classes = CLASSES.map((from, index) => {
    const next = CLASSES[index + 1];
    const inside = counts.filter((count) => count >= from && (next === undefined || count < next));
    return { from, to: next === undefined ? null : next - 1, identities: inside.length };
  });
  const filled = classes.map(({ identities }) => identities > 0);
  return classes.slice(Math.max(0, filled.indexOf(true)), filled.lastIndexOf(true) + 1);
}

/** How often each comes, most frequent first. */
function tally(values: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}
