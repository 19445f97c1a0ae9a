import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLOSER_SCORE, CloserLook, gatesOf } from '../../src/faces/closer-look.js';
import { type Level, planLevels } from '../../src/faces/pyramid.js';

const withWindows = (level: Level) => ({
  ...level,
  windows: {
    left: 0,
    top: 0,
    right: Math.floor((level.width - 12) / 2) + 1,
    bottom: Math.floor((level.height - 12) / 2) + 1,
  },
});

describe('which levels are run whole', () => {
  it('is every third from the second on, and whatever is small', () => {
    const levels = planLevels({ width: 512, height: 288 }, 20, 0.79);
    expect(gatesOf(levels).slice(0, 9)).toEqual([
      1,
      undefined,
      1,
      4,
      undefined,
      4,
      7,
      undefined,
      undefined,
    ]);
  });

  it('is every one of a small picture', () => {
    const levels = planLevels({ width: 250, height: 250 }, 40, 0.709);
    expect(new Set(gatesOf(levels))).toEqual(new Set([undefined]));
  });

  it('is a neighbour, which has no gate itself', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 1920 }),
        fc.integer({ min: 20, max: 1080 }),
        fc.constantFrom(0.5, 0.709, 0.79),
        (width, height, factor) => {
          const gates = gatesOf(planLevels({ width, height }, 30, factor));
          for (const [index, gate] of gates.entries()) {
            if (gate === undefined) continue;
            expect(Math.abs(index - gate)).toBe(1);
            expect(gate in gates).toBe(true);
            expect(gates[gate]).toBeUndefined();
          }
        },
      ),
    );
  });
});

describe('where to look closer', () => {
  const levels = planLevels({ width: 512, height: 288 }, 20, 0.79).map(withWindows);
  type WithWindows = ReturnType<typeof withWindows>;
  const [larger, gate, smaller] = levels as [WithWindows, WithWindows, WithWindows];
  const { right: columns, bottom: rows } = gate.windows;

  /** The gate's scores, all zero but one, in two parts that lie somewhere on wider canvases. */
  const partsWith = (column: number, row: number, score: number) => {
    const half = Math.floor(columns / 2);
    return [
      { ...gate.windows, right: half },
      { ...gate.windows, left: half },
    ].map((block) => {
      const stride = block.right - block.left + 7;
      const scores = new Float32Array(stride * (rows + 3)).fill(1);
      for (let y = 0; y < rows; y++) {
        const start = (y + 2) * stride;
        scores.fill(0, start, start + block.right - block.left);
        if (y === row && column >= block.left && column < block.right) {
          scores[start + column - block.left] = score;
        }
      }
      return { scores, stride, first: 2 * stride, block };
    });
  };

  it.each([
    ['the larger', larger],
    ['the smaller', smaller],
  ])('holds the window at the same place of %s neighbour, and little else', (_, level) => {
    const look = new CloserLook(level, gate);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: columns - 1 }),
        fc.integer({ min: 0, max: rows - 1 }),
        (column, row) => {
          for (const part of partsWith(column, row, CLOSER_SCORE + 0.001)) look.mark(part);
          const blocks = look.takeBlocks();
          expect(blocks).toHaveLength(1);
          const [{ left, top, right, bottom }] = blocks as [(typeof blocks)[0]];
          const near = (cell: number, scale: number, count: number) =>
            Math.min(count - 1, Math.max(0, Math.round(((cell * 2 + 6) * scale - 6) / 2)));
          const x = near(column, level.scaleX / gate.scaleX, level.windows.right);
          const y = near(row, level.scaleY / gate.scaleY, level.windows.bottom);
          expect(left <= x && x < right && top <= y && y < bottom).toBe(true);
          expect(right - left).toBeLessThanOrEqual(4);
          expect(bottom - top).toBeLessThanOrEqual(4);
          expect(left).toBeGreaterThanOrEqual(0);
          expect(right).toBeLessThanOrEqual(level.windows.right);
          expect(bottom).toBeLessThanOrEqual(level.windows.bottom);
        },
      ),
    );
  });

  it('is nowhere below the score, nor where something was in the frame before', () => {
    const look = new CloserLook(larger, gate);
    for (const part of partsWith(5, 5, CLOSER_SCORE - 0.01)) look.mark(part);
    expect(look.takeBlocks()).toEqual([]);
    for (const part of partsWith(5, 5, 1)) look.mark(part);
    expect(look.takeBlocks()).toHaveLength(1);
    expect(look.takeBlocks()).toEqual([]);
  });
});
