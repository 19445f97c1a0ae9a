import type { Size } from '../domain/records.js';
import { type InferenceSession, itemsARun } from '../models/inference-session.js';
import { Candidates, calibrate, suppress } from './boxes.js';
import { drawCanvas } from './canvas.js';
import type { HalvedPictures } from './halved-pictures.js';
import type { MtcnnParameters } from './mtcnn.js';
import { type Place, packLoosely } from './packing.js';
import {
  type Canvas,
  canvasesOf,
  type Part,
  type PlannedLevel,
  type ProposalPlan,
  planProposals,
} from './proposal-plan.js';
import { PNET_STRIDE_PX, PNET_WINDOW_PX, Pyramid } from './pyramid.js';

/** Windows that wait to be suppressed at most, and most that one level keeps of them. */
const MAX_PROPOSALS = 8192;
const MAX_LEVEL_BOXES = 256;
/** Share of the windows that go on for which size counts as well as the score. */
const NEAR_SHARE = 1 / 2;
/** Pixels of a run: what P-Net's first layers make of so many stays in the cache of a core. */
const CANVAS_PX = 14_000;

/** What P-Net says of one canvas: maps of `columns` × `rows` windows. */
interface Maps {
  readonly score: Float32Array;
  /** Four planes. */
  readonly offset: Float32Array;
  readonly columns: number;
  readonly rows: number;
}

/**
 * The cascade's first stage, in two rounds: every third level of the pyramid whole, and of the levels
 * between them what lies around anything there that could be a face. All origins are multiples of the
 * stride, so every window is computed as if its level were alone and whole. Not re-entrant.
 */
export class ProposalNet {
  readonly #session: InferenceSession;
  readonly #parameters: MtcnnParameters;
  /** Windows that pass, and the level of each. */
  readonly #proposals = new Candidates(MAX_PROPOSALS);
  readonly #levels = new Uint8Array(MAX_PROPOSALS);
  readonly #levelBoxes = new Candidates(MAX_PROPOSALS);
  #plan: ProposalPlan | undefined;

  constructor(session: InferenceSession, parameters: MtcnnParameters) {
    this.#session = session;
    this.#parameters = parameters;
  }

  /**
   * Fills `into` with the windows that pass, calibrated, in pixels of the picture.
   *
   * @param size Of the picture.
   */
  async propose(size: Size, pictures: HalvedPictures, into: Candidates): Promise<void> {
    into.clear();
    // A run that failed may have left some of another picture.
    this.#proposals.clear();
    const boxes = this.#levelBoxes;
    boxes.clear();
    const plan = this.#planFor(size);
    const pyramid = new Pyramid(pictures, plan.levels, this.#plain);
    try {
      await this.#runPlan(plan, pyramid);
    } finally {
      pyramid.release();
    }
    const { nms } = this.#parameters;
    // Windows of several levels that mean one face differ in size until they are calibrated.
    if (!this.#plain) calibrate(boxes);
    const kept = suppress(boxes, nms[1], 'union', boxes.count);
    for (const index of this.#chosen(kept, into.capacity)) into.append(boxes, index);
    if (this.#plain) calibrate(into);
  }

  /**
   * Where there are more windows than wanted: the best ones, and of the others those that are large
   * and sure. In a crowd, whoever is near has as many rivals as there are faces.
   *
   * @param kept Indices of windows, best score first.
   */
  #chosen(kept: readonly number[], limit: number): readonly number[] {
    if (kept.length <= limit) return kept;
    const { corners, scores } = this.#levelBoxes;
    const [threshold] = this.#parameters.thresholds;
    const weight = (i: number): number =>
      ((corners[i * 4 + 2] as number) - (corners[i * 4] as number)) *
      ((scores[i] as number) - threshold);
    const best = Math.ceil(limit * (1 - NEAR_SHARE));
    const near = kept.slice(best).sort((i, j) => weight(j) - weight(i));
    return [...kept.slice(0, best), ...near.slice(0, limit - best)];
  }

  get #plain(): boolean {
    return this.#parameters.asPublished === true;
  }

  async #runPlan({ whole, closer }: ProposalPlan, pyramid: Pyramid): Promise<void> {
    await this.#runAll(whole, pyramid, ({ level, block, place }, maps) => {
      const found = {
        scores: maps.score,
        stride: maps.columns,
        first: firstOf(place, maps),
        block,
      };
      for (const look of closer) if (look.gate === level) look.mark(found);
    });
    const blocks = closer.flatMap((look) =>
      look.takeBlocks().map((block) => ({ level: look.level, block })),
    );
    await this.#runAll(canvasesOf(blocks, this.#canvasPx, packLoosely), pyramid);
  }

  /** One round. @param look Sees the maps of each part before the next run writes over them. */
  async #runAll(
    canvases: readonly Canvas[],
    pyramid: Pyramid,
    look?: (part: Part, maps: Maps) => void,
  ): Promise<void> {
    for (const canvas of canvases) {
      const maps = await this.#run(canvas, pyramid);
      for (const part of canvas.parts) {
        this.#read(part, maps);
        look?.(part, maps);
      }
    }
    this.#suppressLevels();
  }

  async #run({ size, parts }: Canvas, pyramid: Pyramid): Promise<Maps> {
    const cuttings = parts.map(({ level, block, place }) => ({
      from: pyramid.at(level.index),
      x: block.left * PNET_STRIDE_PX,
      y: block.top * PNET_STRIDE_PX,
      place,
    }));
    const { score, offset } = await this.#session.run({
      image: { data: drawCanvas(size, cuttings), dims: [1, size.height, size.width, 3] },
    });
    if (score === undefined || offset === undefined) throw new Error('P-Net has other outputs');
    return {
      score: score.data as Float32Array,
      offset: offset.data as Float32Array,
      columns: score.dims[2] as number,
      rows: score.dims[1] as number,
    };
  }

  /** Appends the windows of a part whose score passes. */
  #read({ level, block, place }: Part, maps: Maps): void {
    const proposals = this.#proposals;
    const [threshold] = this.#parameters.thresholds;
    const { scaleX, scaleY } = this.#scalesOf(level);
    const { score, offset } = maps;
    const plane = maps.columns * maps.rows;
    for (let row = block.top; row < block.bottom; row++) {
      const start = firstOf(place, maps) + (row - block.top) * maps.columns - block.left;
      for (let column = block.left; column < block.right; column++) {
        const cell = start + column;
        const value = score[cell] as number;
        if (value < threshold) continue;
        if (proposals.count === proposals.capacity) this.#suppressLevels();
        const to = proposals.count++;
        const x = column * PNET_STRIDE_PX;
        const y = row * PNET_STRIDE_PX;
        this.#levels[to] = level.index;
        proposals.scores[to] = value;
        proposals.corners[to * 4] = x / scaleX;
        proposals.corners[to * 4 + 1] = y / scaleY;
        proposals.corners[to * 4 + 2] = (x + PNET_WINDOW_PX) / scaleX;
        proposals.corners[to * 4 + 3] = (y + PNET_WINDOW_PX) / scaleY;
        for (let k = 0; k < 4; k++) {
          proposals.offsets[to * 4 + k] = offset[k * plane + cell] as number;
        }
      }
    }
  }

  /** As published, a level's size is not what it was rounded to. */
  #scalesOf({ scaleX, scaleY, nominalScale }: PlannedLevel): { scaleX: number; scaleY: number } {
    return this.#plain ? { scaleX: nominalScale, scaleY: nominalScale } : { scaleX, scaleY };
  }

  /**
   * Keeps the windows that are not suppressed by another of their level, and makes room for more: a
   * crowd fills all there is, and whoever is near is on a level that comes late.
   */
  #suppressLevels(): void {
    const proposals = this.#proposals;
    const byLevel = new Map<number, number[]>();
    for (let index = 0; index < proposals.count; index++) {
      const level = this.#levels[index] as number;
      const members = byLevel.get(level);
      if (members === undefined) byLevel.set(level, [index]);
      else members.push(index);
    }
    const [overlap] = this.#parameters.nms;
    for (const members of byLevel.values()) {
      for (const kept of suppress(proposals, overlap, 'union', MAX_LEVEL_BOXES, members)) {
        this.#levelBoxes.append(proposals, kept);
      }
    }
    proposals.clear();
  }

  get #canvasPx(): number {
    return itemsARun(this.#session, CANVAS_PX, Number.POSITIVE_INFINITY);
  }

  #planFor(picture: Size): ProposalPlan {
    const kept = this.#plan;
    if (kept?.picture.width === picture.width && kept.picture.height === picture.height) {
      return kept;
    }
    this.#plan = planProposals(picture, this.#parameters, this.#canvasPx);
    return this.#plan;
  }
}

/** Index of the first window at a place on the canvas. */
const firstOf = ({ x, y }: Place, { columns }: Maps): number =>
  (y / PNET_STRIDE_PX) * columns + x / PNET_STRIDE_PX;
