import type { Face, Landmarks, Point } from '../domain/records.js';
import type { Picture } from '../imaging/picture.js';
import type { InferenceSession } from '../models/inference-session.js';
import { Candidates, calibrate, largest, square, suppress } from './boxes.js';
import { HalvedPictures } from './halved-pictures.js';
import { ProposalNet } from './proposal-net.js';
import { WindowNet } from './window-net.js';

/** The three nets of the cascade, in the tensor contract of models/README.md. */
export interface MtcnnNets {
  readonly pnet: InferenceSession;
  readonly rnet: InferenceSession;
  readonly onet: InferenceSession;
}

/** What the cascade looks for. */
export interface MtcnnParameters {
  /** Smallest face, pixels of the picture. */
  readonly minFacePx: number;
  /** Scale from one pyramid level to the next. */
  readonly pyramidFactor: number;
  /** Least score after P-, R- and O-Net. */
  readonly thresholds: readonly [number, number, number];
  /** Overlap above which the weaker box goes: in a level, over levels, after R-Net, after O-Net. */
  readonly nms: readonly [number, number, number, number];
  /** Most faces returned. */
  readonly maxFaces: number;
  /**
   * Every detail as published, for the same boxes as other implementations: pictures are scaled by
   * plain interpolation and windows merged over the levels before they are calibrated. Ours
   * averages and calibrates first: landmarks align better (docs/accuracy.md), and half as many
   * windows reach R-Net.
   */
  readonly asPublished?: boolean;
}

/**
 * Stricter than the original cascade (0.5, 0.7, 0.7, 0.7): on LFW fewer windows reach O-Net, the
 * detector is a third faster, and the landmarks that remain align better (docs/accuracy.md).
 */
export const DEFAULT_NMS = [0.5, 0.4, 0.3, 0.6] as const;

/** The suppression that the seed's demo runs with. */
export const SEED_NMS = [0.5, 0.7, 0.4, 0.6] as const;

const RNET_SIDE_PX = 24;
const ONET_SIDE_PX = 48;
/** How far their crops are shrunk at least: O-Net places landmarks, and gets twice the pixels. */
const RNET_REST = 1;
const ONET_REST = 2;
/** Windows that go on to O-Net, one a face; more when more faces are asked for. */
const ONET_BOXES = 64;
/** Windows that go on to R-Net for each of them: a face gives some, and so does what is none. */
const RNET_BOXES_EACH = 4;
/** Windows of one run, by measurement (docs/accuracy.md). */
const RNET_BATCH = { aThread: 16, most: 32 };
const ONET_BATCH = { aThread: 4, most: 16 };

/**
 * Multi-task cascaded face detector (Zhang et al. 2016): P-Net over packed parts of a pyramid, R-Net
 * and O-Net over batches of windows. Not re-entrant: its buffers are used again by the next picture.
 */
export class Mtcnn {
  readonly #pnet: ProposalNet;
  readonly #rnet: WindowNet;
  readonly #onet: WindowNet;
  readonly #parameters: MtcnnParameters;
  readonly #mostFaces: number;
  readonly #stage: Candidates;
  readonly #survivors: Candidates;

  constructor({ pnet, rnet, onet }: MtcnnNets, parameters: MtcnnParameters) {
    const { asPublished: plain = false } = parameters;
    const small = { sidePx: RNET_SIDE_PX, rest: RNET_REST, plain };
    const large = { sidePx: ONET_SIDE_PX, rest: ONET_REST, plain };
    this.#mostFaces = Math.max(ONET_BOXES, parameters.maxFaces);
    const mostWindows = RNET_BOXES_EACH * this.#mostFaces;
    this.#stage = new Candidates(mostWindows);
    this.#survivors = new Candidates(mostWindows);
    this.#pnet = new ProposalNet(pnet, parameters);
    this.#rnet = new WindowNet(rnet, small, RNET_BATCH, mostWindows);
    this.#onet = new WindowNet(onet, large, ONET_BATCH, this.#mostFaces);
    this.#parameters = parameters;
  }

  /**
   * Finds the faces of a picture.
   *
   * @returns Faces in pixels of the picture, best score first.
   */
  async detect(picture: Picture): Promise<Face[]> {
    const pictures = new HalvedPictures(picture.bgr);
    try {
      await this.#pnet.propose(picture.size, pictures, this.#stage);
      square(this.#stage);
      if (this.#stage.count === 0) return [];
      await this.#refine(pictures);
      if (this.#stage.count === 0) return [];
      return await this.#output(pictures);
    } finally {
      pictures.release();
    }
  }

  /** R-Net: replaces `#stage` by the squared boxes that go to O-Net. */
  async #refine(pictures: HalvedPictures): Promise<void> {
    const stage = this.#stage;
    const { score, offset } = await this.#rnet.judge(pictures, stage);
    const survivors = this.#takeSurvivors(score, offset, this.#parameters.thresholds[1]);
    const kept = suppress(survivors, this.#parameters.nms[2], 'union', survivors.count);
    stage.clear();
    for (const index of largest(survivors, kept, this.#mostFaces)) stage.append(survivors, index);
    calibrate(stage);
    square(stage);
  }

  /** Candidates of `#stage` that pass, with their new scores and offsets. */
  #takeSurvivors(score: Float32Array, offset: Float32Array, threshold: number): Candidates {
    const survivors = this.#survivors;
    survivors.clear();
    for (let i = 0; i < this.#stage.count; i++) {
      const value = score[i] as number;
      if (value < threshold) continue;
      const to = survivors.count;
      survivors.append(this.#stage, i);
      survivors.scores[to] = value;
      survivors.offsets.set(offset.subarray(i * 4, i * 4 + 4), to * 4);
    }
    return survivors;
  }

  /** O-Net: the faces. */
  async #output(pictures: HalvedPictures): Promise<Face[]> {
    const stage = this.#stage;
    const { score, offset, landmarks } = await this.#onet.judge(pictures, stage);
    if (landmarks.length === 0) throw new Error('O-Net gives no landmarks');
    const points: Landmarks[] = [];
    const survivors = this.#survivors;
    survivors.clear();
    for (let i = 0; i < stage.count; i++) {
      const value = score[i] as number;
      if (value < this.#parameters.thresholds[2]) continue;
      const to = survivors.count;
      survivors.append(stage, i);
      survivors.scores[to] = value;
      survivors.offsets.set(offset.subarray(i * 4, i * 4 + 4), to * 4);
      points.push(placeLandmarks(stage, i, landmarks));
    }
    calibrate(survivors);
    const { nms, maxFaces } = this.#parameters;
    const kept = suppress(survivors, nms[3], 'minimum', survivors.count);
    return largest(survivors, kept, maxFaces).map((index) => {
      const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = survivors.corners.subarray(index * 4, index * 4 + 4);
      return {
        box: { x: x1, y: y1, width: x2 - x1, height: y2 - y1 },
        score: survivors.scores[index] as number,
        landmarks: points[index] as Landmarks,
      };
    });
  }
}

/** O-Net gives x, y of each landmark as a share of the box. */
function placeLandmarks(boxes: Candidates, index: number, landmarks: Float32Array): Landmarks {
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes.corners.subarray(index * 4, index * 4 + 4);
  const point = (k: number): Point => ({
    x: x1 + (landmarks[index * 10 + k * 2] as number) * (x2 - x1),
    y: y1 + (landmarks[index * 10 + k * 2 + 1] as number) * (y2 - y1),
  });
  return [point(0), point(1), point(2), point(3), point(4)];
}
