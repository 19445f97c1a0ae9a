import type { Config } from '../config/schema.js';
import type { Landmarks, Size, Template } from '../domain/records.js';
import type { AnalysedFace } from '../vision/messages.js';
import { cosine } from './cosine.js';
import { mainFace } from './main-face.js';

/** How a person holds the head, as they see it themselves. */
export type Pose = 'straight' | 'left' | 'right';

/** In this order: without the first there is no enrolment, the others make it better. */
export const POSES: readonly Pose[] = ['straight', 'left', 'right'];

/** What came of one look. */
export type Guidance =
  /** Nothing usable: what the person should do. */
  | { readonly kind: 'advice'; readonly pose: Pose; readonly text: string }
  /** Good so far. */
  | { readonly kind: 'hold'; readonly pose: Pose; readonly seen: number; readonly needed: number }
  /** The pose is done: its best shot. */
  | { readonly kind: 'shot'; readonly pose: Pose; readonly face: AnalysedFace };

/** Good looks in a row, of which the best is taken. */
const LOOKS = 3;
/** Offset of the nose from between the eyes, in distances of the eyes. */
const STRAIGHT_TURN = 0.1;
const SIDE_TURN = 0.14;
/** Mean luma of the face. */
const DARK_LUMA = 45;
const BRIGHT_LUMA = 225;

const ASK: Readonly<Record<Pose, string>> = {
  straight: 'look straight into the camera',
  left: 'turn your head a little to your left',
  right: 'turn your head a little to your right',
};

/** Leads one person through the poses of an enrolment, look by look. */
export class GuidedEnrolment {
  readonly #config: Pick<Config, 'quality' | 'liveness' | 'gallery'>;
  #wanted: readonly Pose[] = POSES;
  #run: AnalysedFace[] = [];
  #first: Template | undefined;

  constructor(config: Pick<Config, 'quality' | 'liveness' | 'gallery'>) {
    this.#config = config;
  }

  /** The pose that is asked for now; null when all are done. */
  get pose(): Pose | null {
    return this.#wanted[0] ?? null;
  }

  /** Goes on to the next pose without this one. */
  skip(): void {
    this.#wanted = this.#wanted.slice(1);
    this.#run = [];
  }

  /**
   * Judges what the camera shows now. Call while {@link pose} is not null.
   *
   * @param faces Everything that was found in the frame.
   */
  look(faces: readonly AnalysedFace[], frame: Size): Guidance {
    const { pose } = this;
    if (pose === null) throw new Error('every pose is done');
    const judged = this.#judge(faces, frame, pose);
    if (typeof judged === 'string') {
      this.#run = [];
      return { kind: 'advice', pose, text: judged };
    }
    this.#run.push(judged);
    if (this.#run.length < LOOKS) {
      return { kind: 'hold', pose, seen: this.#run.length, needed: LOOKS };
    }
    const face = this.#run.reduce((a, b) => (b.quality.value > a.quality.value ? b : a));
    this.#first ??= face.template;
    this.skip();
    return { kind: 'shot', pose, face };
  }

  /** The face, or what is wrong. What matters most, and is easiest to mend, comes first. */
  #judge(faces: readonly AnalysedFace[], frame: Size, pose: Pose): AnalysedFace | string {
    const { face, disputed } = mainFace(faces);
    if (face === undefined) return 'nobody is seen: step in front of the camera';
    if (disputed) {
      return `${faces.length} faces are seen: only who is enrolled may be in the picture`;
    }
    const { quality, liveness } = this.#config;
    const { interocularPx, luma, sharpness, frontality, value } = face.quality;
    if (interocularPx < quality.minInterocularPx) return 'the face is too small: come closer';
    if (isCut(face, frame)) return 'the face is cut off: move to the middle of the picture';
    if (luma < DARK_LUMA) return 'the face is too dark: turn to the light';
    if (luma > BRIGHT_LUMA) return 'the face is too bright: step out of the light';
    if (this.#isOther(face)) return 'this is somebody else than at the beginning';
    const turned = turnAdvice(pose, turnOf(face.landmarks), frontality < quality.minFrontality);
    if (turned !== undefined) return turned;
    if (sharpness < quality.minSharpness) return 'the face is blurred: hold still';
    if (value < quality.minValue) return 'the face is seen too poorly: more light, and closer';
    if (liveness.enabled && (face.liveness ?? 1) < liveness.threshold) {
      return 'this looks like a picture of a face, not like a face';
    }
    return face;
  }

  #isOther({ template }: AnalysedFace): boolean {
    const before = this.#first ?? this.#run[0]?.template;
    if (before === undefined) return false;
    return cosine(before, template) < this.#config.gallery.outlierSimilarity;
  }
}

/** @param tooFar The face is turned or tilted so far that it cannot be judged. */
function turnAdvice(pose: Pose, turn: number, tooFar: boolean): string | undefined {
  if (pose === 'straight') {
    return tooFar || Math.abs(turn) > STRAIGHT_TURN ? ASK.straight : undefined;
  }
  const side = pose === 'left' ? turn : -turn;
  if (side < SIDE_TURN) return ASK[pose];
  return tooFar ? 'a little less far: turn back somewhat' : undefined;
}

/**
 * How far the head is turned: 0 is straight, above is to the person's own left, which is the right
 * of the picture; 0.5 is where the nose stands below an eye.
 */
export function turnOf([left, right, nose]: Landmarks): number {
  const acrossX = right.x - left.x;
  const acrossY = right.y - left.y;
  const squared = acrossX ** 2 + acrossY ** 2;
  if (squared === 0) return 0;
  const fromX = nose.x - (left.x + right.x) / 2;
  const fromY = nose.y - (left.y + right.y) / 2;
  return (fromX * acrossX + fromY * acrossY) / squared;
}

function isCut({ landmarks }: AnalysedFace, { width, height }: Size): boolean {
  return landmarks.some(({ x, y }) => x < 0 || y < 0 || x >= width || y >= height);
}
