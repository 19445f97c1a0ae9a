import { setTimeout as delay } from 'node:timers/promises';
import { FaceEvalError } from '../domain/errors.js';
import type { Identity, Size } from '../domain/records.js';
import type { AnalysedFace, Analysis } from '../vision/messages.js';
import type { Enrolment, EnrolmentResult, PhotoOrigin } from './enrolment.js';
import { type GuidedEnrolment, POSES, type Pose } from './guided-enrolment.js';

/** What the person in front of the camera should know now. */
export interface EnrolmentStep {
  readonly pose: Pose;
  readonly text: string;
}

/** What came of a live enrolment. */
export interface LiveEnrolment {
  readonly kind: 'enrolled' | 'unchanged';
  readonly identity: Identity;
  readonly poses: readonly {
    readonly pose: Pose;
    /** `skipped`: it was not shown in time. */
    readonly kind: EnrolmentResult['kind'] | 'skipped';
    readonly quality?: number;
    readonly reason?: string;
  }[];
  /** Somebody else who looks alike. */
  readonly warning?: string;
}

export interface LiveEnrolmentOptions {
  readonly name: string;
  readonly guide: GuidedEnrolment;
  readonly enrolment: Enrolment;
  readonly origin: Omit<PhotoOrigin, 'frame'>;
  /** Analyses what the camera shows next. @throws FaceEvalError when it shows nothing. */
  readonly look: () => Promise<Analysis>;
  readonly onStep: (step: EnrolmentStep) => void;
  readonly signal: AbortSignal;
  /** How long each pose is waited for. */
  readonly patienceMs?: Readonly<Record<Pose, number>>;
  /** From one look to the next. */
  readonly pauseMs?: number;
  readonly monoMs?: () => number;
}

/** Without the first pose nobody is enrolled: there is time to come and sit down. */
const PATIENCE_MS: Readonly<Record<Pose, number>> = {
  straight: 60_000,
  left: 15_000,
  right: 15_000,
};
/** The cameras' own work goes on in between. */
const PAUSE_MS = 150;

interface TakenShot {
  readonly pose: Pose;
  readonly face: AnalysedFace;
  readonly frame: Size;
}

/**
 * Enrols who looks into a camera: leads them through the poses, then adds the best shot of each.
 * Nothing is written before all poses were shown or given up.
 *
 * @throws FaceEvalError ENROLMENT when nobody usable was seen in time, when it is somebody else's
 *   face, or when the asker has gone; what `look` throws.
 */
export async function enrolLive(options: LiveEnrolmentOptions): Promise<LiveEnrolment> {
  const taken = await takeShots(options);
  return enrolShots(options, taken);
}

async function takeShots(options: LiveEnrolmentOptions): Promise<TakenShot[]> {
  const { guide, look, onStep, signal } = options;
  const { patienceMs = PATIENCE_MS, pauseMs = PAUSE_MS } = options;
  const { monoMs = () => performance.now() } = options;
  const taken: TakenShot[] = [];
  let said = '';
  let beganMs = monoMs();
  for (let pose = guide.pose; pose !== null; pose = guide.pose) {
    if (signal.aborted) throw stopped();
    const found = await look();
    if (!found.ok) throw new FaceEvalError('CAMERA', found.error);
    const guidance = guide.look(found.faces, found.frame);
    if (guidance.kind === 'shot') {
      taken.push({ pose, face: guidance.face, frame: found.frame });
    }
    const text = textOf(guidance);
    if (text !== said) onStep({ pose, text });
    said = text;
    if (guidance.kind === 'shot') {
      beganMs = monoMs();
    } else if (monoMs() - beganMs > patienceMs[pose]) {
      if (pose === 'straight') throw nobodyUsable(text);
      guide.skip();
      beganMs = monoMs();
    }
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
  }
  return taken;
}

function textOf(guidance: ReturnType<GuidedEnrolment['look']>): string {
  if (guidance.kind === 'advice') return guidance.text;
  return guidance.kind === 'hold' ? 'good: hold still' : 'thank you';
}

function enrolShots(
  { name, enrolment, origin }: LiveEnrolmentOptions,
  taken: readonly TakenShot[],
): LiveEnrolment {
  const results = taken.map(({ pose, face, frame }) => {
    const source = `${origin.source}, ${pose}`;
    return { pose, result: enrolment.enrol(name, [face], { ...origin, source, frame }) };
  });
  const [first] = results;
  if (first === undefined) throw new Error('an enrolment without a shot');
  if (first.result.kind === 'refused') {
    throw new FaceEvalError('ENROLMENT', `the face is refused: ${first.result.reason}`);
  }
  const warning = results.flatMap(({ result }) =>
    result.kind === 'enrolled' ? (result.warning ?? []) : [],
  )[0];
  return {
    kind: results.some(({ result }) => result.kind === 'enrolled') ? 'enrolled' : 'unchanged',
    identity: first.result.identity,
    poses: POSES.map((pose) => {
      const result = results.find((one) => one.pose === pose)?.result;
      if (result === undefined) return { pose, kind: 'skipped' as const };
      const { kind } = result;
      if (kind === 'enrolled') return { pose, kind, quality: result.quality };
      return { pose, kind, reason: result.reason };
    }),
    ...(warning !== undefined && { warning }),
  };
}

function stopped(): FaceEvalError {
  return new FaceEvalError('ENROLMENT', 'the enrolment was stopped: nobody was enrolled');
}

function nobodyUsable(last: string): FaceEvalError {
  return new FaceEvalError('ENROLMENT', `nobody was enrolled: ${last}`, {
    hint: 'sit about a metre from the camera, alone in the picture, with light on your face',
  });
}
