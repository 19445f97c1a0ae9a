import type { Size } from '../domain/records.js';
import { CloserLook, gatesOf } from './closer-look.js';
import type { MtcnnParameters } from './mtcnn.js';
import { type Packing, type Place, packTightly, shareOut } from './packing.js';
import { type Level, PNET_STRIDE_PX, PNET_WINDOW_PX, planLevels } from './pyramid.js';
import { type Block, spanPx, tiles } from './window-cover.js';

/** What is worked out once for pictures of one size. */
export interface ProposalPlan {
  readonly picture: Size;
  readonly levels: readonly PlannedLevel[];
  /** The canvases of the levels that are run whole. */
  readonly whole: readonly Canvas[];
  /** The levels between them, of which only parts are run. */
  readonly closer: readonly CloserLook<PlannedLevel>[];
}

export interface PlannedLevel extends Level {
  readonly index: number;
  /** All windows of the level. */
  readonly windows: Block;
}

/** Windows of a level and where they lie on a canvas. */
export interface Part {
  readonly level: PlannedLevel;
  readonly block: Block;
  readonly place: Place;
}

/** What one run of P-Net is fed. */
export interface Canvas {
  readonly size: Size;
  readonly parts: readonly Part[];
}

/** @param mostPx Pixels that a canvas should not exceed. */
export function planProposals(
  picture: Size,
  { minFacePx, pyramidFactor, asPublished = false }: MtcnnParameters,
  mostPx: number,
): ProposalPlan {
  const sizes = planLevels(picture, minFacePx, pyramidFactor);
  const gates = gatesOf(sizes);
  const levels = sizes.map((level, index) => ({
    ...level,
    index,
    windows: {
      left: 0,
      top: 0,
      right: windowsAlong(level.width, asPublished),
      bottom: windowsAlong(level.height, asPublished),
    },
  }));
  const seenWhole = levels
    .filter(({ index }) => gates[index] === undefined)
    .map((level) => ({ level, block: level.windows }));
  const closer = levels.flatMap((level) => {
    const gate = levels[gates[level.index] ?? -1];
    return gate === undefined ? [] : [new CloserLook(level, gate)];
  });
  return { picture, levels, whole: canvasesOf(seenWhole, mostPx, packTightly), closer };
}

/** P-Net's windows along a side; as published, the one that reaches over an odd edge counts, too. */
function windowsAlong(sizePx: number, asPublished: boolean): number {
  const whole = Math.floor((sizePx - PNET_WINDOW_PX) / PNET_STRIDE_PX) + 1;
  return asPublished ? whole + (sizePx % PNET_STRIDE_PX) : whole;
}

/** Puts blocks of windows on few canvases of about `mostPx` or less; a large block goes in parts. */
export function canvasesOf(
  blocks: readonly Omit<Part, 'place'>[],
  mostPx: number,
  pack: (sizes: readonly Size[]) => Packing,
): Canvas[] {
  const parts = blocks.flatMap(({ level, block }) =>
    tiles(block, mostPx).map((tile) => {
      const { left, top, right, bottom } = tile;
      const size = { width: spanPx(right - left), height: spanPx(bottom - top) };
      return { level, block: tile, size };
    }),
  );
  const areas = parts.map(({ size }) => size.width * size.height);
  return shareOut(areas, mostPx).map((members) => {
    const shared = members.map((index) => parts[index] as (typeof parts)[number]);
    const { size, places } = pack(shared.map((part) => part.size));
    return {
      size,
      parts: shared.map(({ level, block }, i) => ({ level, block, place: places[i] as Place })),
    };
  });
}
