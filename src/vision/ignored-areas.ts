import type { CameraConfig } from '../config/schema.js';

/** A rectangle of the picture, in shares of its width and height. */
export type Area = CameraConfig['ignore'][number];

/** Parts of a camera's picture in which nothing counts: a television, a poster, the street. */
export class IgnoredAreas {
  constructor(private readonly areas: readonly Area[]) {}

  /** @param x Share of the picture's width, from the left; y of its height, from the top. */
  covers(x: number, y: number): boolean {
    return this.areas.some(
      (area) => x >= area.x && x < area.x + area.width && y >= area.y && y < area.y + area.height,
    );
  }
}
