import type { AnalysedFace } from '../vision/messages.js';

/** A second face is a passer-by when the first covers this many times its area. */
const DOMINANCE = 6;

/** Whom a picture for enrolment shows. */
export interface MainFace {
  /** The largest; undefined when there is none. */
  readonly face: AnalysedFace | undefined;
  /** Another face is too large to be a passer-by's. */
  readonly disputed: boolean;
}

export function mainFace(faces: readonly AnalysedFace[]): MainFace {
  const [face, other] = [...faces].sort((a, b) => areaOf(b) - areaOf(a));
  const disputed =
    face !== undefined && other !== undefined && areaOf(face) < DOMINANCE * areaOf(other);
  return { face, disputed };
}

const areaOf = ({ box }: AnalysedFace): number => box.width * box.height;
