import type { Box, Size } from '../domain/records.js';

/** Anything with a place on a picture. */
interface Boxed {
  readonly box: Box;
}

/** Area of a face's box in square pixels. */
const boxArea = ({ box }: Boxed): number => box.width * box.height;

/** The face with the largest box, the first of several; undefined when there is none. */
export function largestFace<F extends Boxed>(faces: readonly F[]): F | undefined {
  return most(faces, boxArea);
}

/**
 * The face that a picture is about: large, and near the middle. A face of twice the side may stand
 * as far off as its own side. Undefined when there is none.
 */
export function subjectOf<F extends Boxed>(faces: readonly F[], picture: Size): F | undefined {
  return most(faces, (face) => {
    const { box } = face;
    const dx = box.x + box.width / 2 - picture.width / 2;
    const dy = box.y + box.height / 2 - picture.height / 2;
    return boxArea(face) - 2 * (dx * dx + dy * dy);
  });
}

function most<F>(faces: readonly F[], weight: (face: F) => number): F | undefined {
  return faces.reduce<F | undefined>(
    (best, face) => (best === undefined || weight(face) > weight(best) ? face : best),
    undefined,
  );
}
