import { FaceEvalError } from '../domain/errors.js';
import { DEFAULT_NMS, type MtcnnNets, type MtcnnParameters } from '../faces/mtcnn.js';
import type { BuildOpener, OpenedBuild } from '../models/open-build.js';

/** The detector as the daemon sets it by default. */
export const OUR_PARAMETERS: MtcnnParameters = {
  minFacePx: 40,
  pyramidFactor: 0.709,
  thresholds: [0.6, 0.7, 0.8],
  nms: DEFAULT_NMS,
  maxFaces: 32,
};

/**
 * Opens a detector build, also one that would not be chosen.
 *
 * @param id The build, or null for the one that the daemon would take.
 * @throws FaceEvalError MODEL when it cannot run here.
 */
export async function openDetectorBuild(
  opener: BuildOpener,
  id: string | null,
): Promise<{ opened: OpenedBuild; nets: MtcnnNets; threads: number }> {
  const { candidates, rejected } = opener.rank('detector', true);
  const candidate = candidates.find(({ build }) => id === null || build.id === id);
  if (candidate === undefined) {
    const reason = rejected.find((entry) => entry.id === id)?.reason ?? 'it cannot run here';
    throw new FaceEvalError('MODEL', reason);
  }
  const opened = await opener.openCandidate(candidate);
  const { pnet, rnet, onet } = opened.sessions;
  if (pnet === undefined || rnet === undefined || onet === undefined) {
    throw new FaceEvalError('MODEL', `${candidate.build.id} is no MTCNN`);
  }
  return { opened, nets: { pnet, rnet, onet }, threads: candidate.threads };
}
