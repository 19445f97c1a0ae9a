import type { Box } from '../domain/records.js';

/** Overlap from which a box continues a track. */
const MIN_IOU = 0.2;
/** Without overlap: the centre may have moved by this share of the face's side. */
const MAX_SHIFT = 0.8;
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
 * overlaps, by the distance of the centres.
 *
 * @returns For each track the index of its detection, or -1; no detection is given twice.
 */
export function assign(predicted: readonly Box[], detected: readonly Box[]): number[] {
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
  return result;
}

/** Above 1 for boxes that overlap enough, up to 1 for boxes that are only near, else 0. */
function likenessOf(a: Box, b: Box): number {
  const overlap = iou(a, b);
  if (overlap >= MIN_IOU) return 1 + overlap;
  const sideA = Math.max(a.width, a.height);
  const sideB = Math.max(b.width, b.height);
  if (Math.max(sideA, sideB) > MAX_GROWTH * Math.min(sideA, sideB)) return 0;
  const shift = Math.hypot(
    a.x + a.width / 2 - b.x - b.width / 2,
    a.y + a.height / 2 - b.y - b.height / 2,
  );
  const reach = MAX_SHIFT * Math.max(sideA, sideB);
  return shift < reach ? 1 - shift / reach : 0;
}
