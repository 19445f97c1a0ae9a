import { loadConfig } from '../config/load.js';
import type { CameraConfig, Config } from '../config/schema.js';
import { ControlClient, isNoDaemon } from '../control/control-client.js';
import type { AskOf } from '../control/request-schemas.js';
import { openDatabase } from '../daemon/database.js';
import { keepConsent } from '../daemon/gallery-requests.js';
import { requireOwner } from '../daemon/state-owner.js';
import { FaceEvalError } from '../domain/errors.js';
import { Enrolment } from '../gallery/enrolment.js';
import { GuidedEnrolment } from '../gallery/guided-enrolment.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { type EnrolmentStep, enrolLive, type LiveEnrolment } from '../gallery/live-enrolment.js';
import { Picture } from '../imaging/picture.js';
import { Capture } from '../vision/camera/capture.js';
import { openFaceEngine } from '../vision/face-engine.js';
import { analysePicture } from '../vision/still-analysis.js';
import { note, print, printJson } from './output.js';

type Request = AskOf<'enroll'> & { readonly camera: string };
type Reporter = (step: EnrolmentStep) => void;

/**
 * Enrols who looks into a camera: through the daemon, which has the camera open, or with the camera
 * opened here when none runs.
 *
 * @returns The exit code.
 */
export async function enrolAtCamera(
  configPath: string | undefined,
  json: boolean,
  request: Request,
): Promise<number> {
  const { config } = loadConfig({ path: configPath });
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const onStep: Reporter = ({ text }) => note(`${text.charAt(0).toUpperCase()}${text.slice(1)}`);
  const result = await enrol(config, request, onStep, stop.signal);
  if (json) printJson(result);
  else print(describe(result));
  return 0;
}

async function enrol(
  config: Config,
  request: Request,
  onStep: Reporter,
  signal: AbortSignal,
): Promise<LiveEnrolment> {
  try {
    const client = new ControlClient(config.stateDir);
    const onProgress = (step: unknown) => onStep(step as EnrolmentStep);
    return (await client.ask('enroll', request, { onProgress, signal })) as LiveEnrolment;
  } catch (error) {
    if (signal.aborted) throw new FaceEvalError('ENROLMENT', 'stopped: nobody was enrolled');
    if (!isNoDaemon(error)) throw error;
  }
  return enrolHere(config, request, onStep, signal);
}

async function enrolHere(
  config: Config,
  { name, camera: id, note: consentNote, expiresAt }: Request,
  onStep: Reporter,
  signal: AbortSignal,
): Promise<LiveEnrolment> {
  const camera = cameraOf(config, id);
  requireOwner(config.stateDir);
  note('no daemon runs: the camera is opened here, and the models are loaded');
  const engine = await openFaceEngine(config, { onFallback: note });
  const { db, repair } = await openDatabase(config.stateDir, config.encryption);
  if (repair !== undefined) note(repair);
  let state = 'it is being opened';
  const capture = new Capture([camera], { fast: false }, (status) => {
    state = status.reason ?? status.state;
  });
  try {
    capture.start();
    const store = new IdentityStore(db);
    const result = await enrolLive({
      ...{ name, onStep, signal },
      guide: new GuidedEnrolment(config),
      enrolment: new Enrolment(store, config),
      origin: { family: engine.family, build: engine.build, source: `camera ${id}` },
      look: async () => {
        const frame = await nextFrame(capture, signal, () => state);
        const picture = Picture.fromI420(frame.i420, frame);
        try {
          return { ok: true, frame: picture.size, faces: await analysePicture(engine, picture) };
        } finally {
          picture.release();
          frame.release();
        }
      },
    });
    keepConsent(store, result.identity.id, { note: consentNote, expiresAt });
    return result;
  } finally {
    await capture.stop();
    db.close();
    await engine.release();
  }
}

/** A camera that is there gives a picture in this time. */
const FRAME_MS = 20_000;

async function nextFrame(capture: Capture, signal: AbortSignal, state: () => string) {
  const frame = await capture.next(AbortSignal.any([signal, AbortSignal.timeout(FRAME_MS)]));
  if (frame !== null) return frame;
  if (signal.aborted) throw new FaceEvalError('ENROLMENT', 'stopped: nobody was enrolled');
  throw new FaceEvalError('CAMERA', `the camera gives no picture: ${state()}`, {
    hint: '`faceeval doctor` looks at each camera',
  });
}

function cameraOf({ cameras }: Config, id: string): CameraConfig {
  const camera = cameras.find((one) => one.id === id);
  if (camera !== undefined) return camera;
  const known = cameras.map((one) => one.id).join(', ');
  throw new FaceEvalError('USAGE', `there is no camera "${id}"`, {
    hint: known === '' ? 'add one under cameras: in the configuration' : `there is: ${known}`,
  });
}

function describe({ kind, identity, poses, warning }: LiveEnrolment): string {
  const lines = poses.map(({ pose, kind: outcome, quality, reason }) => {
    const why =
      reason ?? (quality === undefined ? 'not shown in time' : `quality ${quality.toFixed(2)}`);
    return `  ${pose.padEnd(8)} ${outcome}: ${why}`;
  });
  const warned = warning === undefined ? [] : [`  note: ${warning}`];
  return [`${kind}  ${identity.name}`, ...lines, ...warned].join('\n');
}
