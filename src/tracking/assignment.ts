import type { Box } from '../domain/records.js';

/** Overlap from which a box continues a track. */
const MIN_IOU = 0.2;
/** Without overlap: the centre may have moved by this share of the face's side. */
const MAX_SHIFT = 0.8;
/** The same for a face seen once, of which nobody knows how fast it is: it may cross at a run. */
const MAX_FIRST_SHIFT = 2;
/** A face does not grow or shrink by more than this between two detections. */
const MAX_GROWTH = 1.8;

/** Intersection over union of two boxes, 0..1. */
export function iou(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

/**
 * Pairs predicted track boxes with detected ones, best pair first: by overlap, and where nothing
 * overlaps, by the distance of the centres. A track that was seen once reaches farther where no
 * other pair is possible.
 *
 * @param seenOnce Indices of the tracks that were seen once.
 * @returns For each track the index of its detection, or -1; no detection is given twice.
 */
export function assign(
  predicted: readonly Box[],
  detected: readonly Box[],
  seenOnce: readonly number[] = [],
): number[] {
  const pairs: { track: number; detection: number; likeness: number }[] = [];
  for (const [track, a] of predicted.entries()) {
    for (const [detection, b] of detected.entries()) {
      const likeness = likenessOf(a, b);
      if (likeness > 0) pairs.push({ track, detection, likeness });
    }
  }
  pairs.sort((a, b) => b.likeness - a.likeness);
  const result = predicted.map(() => -1);
  const taken = new Set<number>();
  for (const { track, detection } of pairs) {
    if (result[track] !== -1 || taken.has(detection)) continue;
    result[track] = detection;
    taken.add(detection);
  }
  const lonely = seenOnce.filter((track) => result[track] === -1);
  const free = [...detected.keys()].filter((detection) => !taken.has(detection));
  const far = lonely.flatMap((track) =>
    free
      .filter((detection) => isFirstStep(predicted[track] as Box, detected[detection] as Box))
      .map((detection) => ({ track, detection })),
  );
  for (const pair of far) {
    const rivals = far.filter((o) => o.track === pair.track || o.detection === pair.detection);
    if (rivals.length === 1) result[pair.track] = pair.detection;
  }
  return result;
}

/** Whether a face that was seen once may be the other one by now. */
function isFirstStep(a: Box, b: Box): boolean {
  return isOfOneSize(a, b) && shiftOf(a, b) < MAX_FIRST_SHIFT * longestOf(a, b);
}

/** Above 1 for boxes that overlap enough, up to 1 for boxes that are only near, else 0. */
function likenessOf(a: Box, b: Box): number {
  const overlap = iou(a, b);
  if (overlap >= MIN_IOU) return 1 + overlap;
  if (!isOfOneSize(a, b)) return 0;
  const reach = MAX_SHIFT * longestOf(a, b);
  const shift = shiftOf(a, b);
  return shift < reach ? 1 - shift / reach : 0;
}

function isOfOneSize(a: Box, b: Box): boolean {
  return longestOf(a, b) <= MAX_GROWTH * Math.min(sideOf(a), sideOf(b));
}

function longestOf(a: Box, b: Box): number {
  return Math.max(sideOf(a), sideOf(b));
}

function sideOf({ width, height }: Box): number {
  return Math.max(width, height);
}

/** Distance of the centres, pixels. */
function shiftOf(a: Box, b: Box): number {
  return Math.hypot(a.x + a.width / 2 - b.x - b.width / 2, a.y + a.height / 2 - b.y - b.height / 2);
}
