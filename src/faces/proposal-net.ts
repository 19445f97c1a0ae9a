import type { Size } from '../domain/records.js';
import type { InferenceSession } from '../models/inference-session.js';
import { Candidates, calibrate, suppress } from './boxes.js';
import { drawCanvas } from './canvas.js';
import { blocksToLookAt, gatesOf } from './closer-look.js';
import type { HalvedPictures } from './halved-pictures.js';
import type { MtcnnParameters } from './mtcnn.js';
import { type Packing, type Place, packLoosely, packTightly } from './packing.js';
import { type Level, PNET_STRIDE_PX, PNET_WINDOW_PX, Pyramid, planLevels } from './pyramid.js';
import { type Block, spanPx } from './window-cover.js';

/** Most windows that P-Net may propose, and most that one level keeps. */
const MAX_PROPOSALS = 8192;
const MAX_LEVEL_BOXES = 256;

/** What is worked out once for pictures of one size. */
interface Plan {
  readonly picture: Size;
  readonly levels: readonly PlannedLevel[];
  /** The canvas of the levels that are run whole. */
  readonly whole: Canvas;
}

interface PlannedLevel extends Level {
  readonly index: number;
  /** The level that says where to look on this one; undefined where P-Net sees all of it. */
  readonly gate: number | undefined;
  /** All windows of the level. */
  readonly windows: Block;
}

/** Windows of a level and where they lie on a canvas. */
interface Part {
  readonly level: PlannedLevel;
  readonly block: Block;
  readonly place: Place;
}

interface Canvas {
  readonly size: Size;
  readonly parts: readonly Part[];
}

/** What P-Net says of one canvas: maps of `columns` × `rows` windows. */
interface Maps {
  readonly score: Float32Array;
  /** Four planes. */
  readonly offset: Float32Array;
  readonly columns: number;
  readonly rows: number;
}

/**
 * The cascade's first stage, in two runs: every third level of the pyramid whole, and of the levels
 * between them what lies around anything there that could be a face. All origins are multiples of the
 * stride, so every window is computed as if its level were alone and whole. Not re-entrant.
 */
export class ProposalNet {
  readonly #session: InferenceSession;
  readonly #parameters: MtcnnParameters;
  readonly #proposals = new Candidates(MAX_PROPOSALS);
  readonly #levelBoxes = new Candidates(MAX_PROPOSALS);
  #plan: Plan | undefined;

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
    for (const kept of suppress(boxes, nms[1], 'union', into.capacity)) into.append(boxes, kept);
    if (this.#plain) calibrate(into);
  }

  get #plain(): boolean {
    return this.#parameters.asPublished === true;
  }

  async #runPlan({ levels, whole }: Plan, pyramid: Pyramid): Promise<void> {
    if (whole.parts.length === 0) return;
    const maps = await this.#run(whole, pyramid);
    this.#take(whole, maps);
    // The next run writes over these maps.
    const closer = canvasOf(partsToLookAt(levels, whole, maps), packLoosely);
    if (closer.parts.length > 0) this.#take(closer, await this.#run(closer, pyramid));
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

  /** Appends the windows that pass and are not suppressed by another of their level. */
  #take({ parts }: Canvas, maps: Maps): void {
    const proposals = this.#proposals;
    const { nms } = this.#parameters;
    for (const level of new Set(parts.map((part) => part.level))) {
      proposals.clear();
      for (const part of parts) if (part.level === level) this.#read(part, maps);
      for (const kept of suppress(proposals, nms[0], 'union', MAX_LEVEL_BOXES)) {
        this.#levelBoxes.append(proposals, kept);
      }
    }
  }

  /** Appends the windows of a block whose score passes. */
  #read({ level, block, place }: Part, maps: Maps): void {
    const proposals = this.#proposals;
    const [threshold] = this.#parameters.thresholds;
    // As published, a level's size is not what it was rounded to.
    const scaleX = this.#plain ? level.nominalScale : level.scaleX;
    const scaleY = this.#plain ? level.nominalScale : level.scaleY;
    const { score, offset } = maps;
    const plane = maps.columns * maps.rows;
    for (let row = block.top; row < block.bottom; row++) {
      const start = firstOf(place, maps) + (row - block.top) * maps.columns - block.left;
      for (let column = block.left; column < block.right; column++) {
        const cell = start + column;
        const value = score[cell] as number;
        if (value < threshold || proposals.count === proposals.capacity) continue;
        const to = proposals.count++;
        const x = column * PNET_STRIDE_PX;
        const y = row * PNET_STRIDE_PX;
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

  #planFor(picture: Size): Plan {
    const kept = this.#plan;
    if (kept?.picture.width === picture.width && kept.picture.height === picture.height) {
      return kept;
    }
    const { minFacePx, pyramidFactor } = this.#parameters;
    const sizes = planLevels(picture, minFacePx, pyramidFactor);
    const gates = gatesOf(sizes);
    const levels = sizes.map((level, index) => ({
      ...level,
      index,
      gate: gates[index],
      windows: {
        left: 0,
        top: 0,
        right: windowsAlong(level.width, this.#plain),
        bottom: windowsAlong(level.height, this.#plain),
      },
    }));
    const seenWhole = levels
      .filter(({ gate }) => gate === undefined)
      .map((level) => ({ level, block: level.windows }));
    this.#plan = { picture, levels, whole: canvasOf(seenWhole, packTightly) };
    return this.#plan;
  }
}

/** P-Net's windows along a side; as published, the one that reaches over an odd edge counts, too. */
function windowsAlong(sizePx: number, asPublished: boolean): number {
  const whole = Math.floor((sizePx - PNET_WINDOW_PX) / PNET_STRIDE_PX) + 1;
  return asPublished ? whole + (sizePx % PNET_STRIDE_PX) : whole;
}

function canvasOf(
  parts: readonly Omit<Part, 'place'>[],
  pack: (sizes: readonly Size[]) => Packing,
): Canvas {
  const { size, places } = pack(
    parts.map(({ block: { left, top, right, bottom } }) => ({
      width: spanPx(right - left),
      height: spanPx(bottom - top),
    })),
  );
  return { size, parts: parts.map((part, i) => ({ ...part, place: places[i] as Place })) };
}

/** What there is to see on the levels that were left out. */
function partsToLookAt(
  levels: readonly PlannedLevel[],
  { parts }: Canvas,
  maps: Maps,
): Omit<Part, 'place'>[] {
  return levels.flatMap((level) => {
    const gate = parts.find((part) => part.level.index === level.gate);
    if (gate === undefined) return [];
    const { right: columns, bottom: rows } = level.windows;
    const found = {
      scores: maps.score,
      stride: maps.columns,
      first: firstOf(gate.place, maps),
      columns: gate.block.right,
      rows: gate.block.bottom,
    };
    const blocks = blocksToLookAt(found, gate.level, level, { columns, rows });
    return blocks.map((block) => ({ level, block }));
  });
}

/** Index of the first window at a place on the canvas. */
const firstOf = ({ x, y }: Place, { columns }: Maps): number =>
  (y / PNET_STRIDE_PX) * columns + x / PNET_STRIDE_PX;
