import type { Box, Size } from '../domain/records.js';
import { opencv } from '../imaging/opencv.js';
import type { Picture } from '../imaging/picture.js';
import type { InferenceSession } from '../models/inference-session.js';

/** How a liveness build is fed; from its manifest entry. */
export interface LivenessContract {
  /** Side of its input in pixels. */
  readonly sidePx: number;
  /** How much larger than the face box the region is that it judges. */
  readonly cropScale: number;
}

/**
 * The region that the net judges: the face box enlarged, moved inside the picture, and smaller
 * where the picture is smaller.
 *
 * @returns Whole pixels inside the picture.
 */
export function livenessRegion(box: Box, picture: Size, cropScale: number): Box {
  const scale = Math.min(
    cropScale,
    (picture.width - 1) / box.width,
    (picture.height - 1) / box.height,
  );
  const halfWidth = (box.width * scale) / 2;
  const halfHeight = (box.height * scale) / 2;
  const centreX = clamp(box.x + box.width / 2, halfWidth, picture.width - 1 - halfWidth);
  const centreY = clamp(box.y + box.height / 2, halfHeight, picture.height - 1 - halfHeight);
  const x = Math.trunc(centreX - halfWidth);
  const y = Math.trunc(centreY - halfHeight);
  return {
    x,
    y,
    width: Math.trunc(centreX + halfWidth) - x + 1,
    height: Math.trunc(centreY + halfHeight) - y + 1,
  };
}

const clamp = (value: number, low: number, high: number): number =>
  Math.max(low, Math.min(high, value));

/** Tells faces of living people from pictures of faces. Takes BGR as it is: see docs/liveness.md. */
export class Liveness {
  constructor(
    private readonly session: InferenceSession,
    private readonly contract: LivenessContract,
  ) {}

  /** @returns For each box the probability of a live face, 0..1. */
  async judge(picture: Picture, boxes: readonly Box[]): Promise<number[]> {
    const { sidePx } = this.contract;
    const faceBytes = sidePx * sidePx * 3;
    const faces = new Uint8Array(boxes.length * faceBytes);
    for (const [index, box] of boxes.entries())
      faces.set(this.#crop(picture, box), index * faceBytes);
    const { live } = await this.session.run({
      faces: { data: faces, dims: [boxes.length, sidePx, sidePx, 3] },
    });
    if (live === undefined) throw new Error('the liveness net gives no output "live"');
    return [...live.data];
  }

  #crop(picture: Picture, box: Box): Uint8Array {
    const cv = opencv();
    const { sidePx, cropScale } = this.contract;
    const { x, y, width, height } = livenessRegion(box, picture.size, cropScale);
    const region = picture.bgr.getRegion(new cv.Rect(x, y, width, height));
    const crop = region.resize(sidePx, sidePx, 0, 0, cv.INTER_LINEAR);
    const bytes = crop.getData();
    region.release();
    crop.release();
    return bytes;
  }
}
