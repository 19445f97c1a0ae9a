import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksToLookAt, CLOSER_SCORE, gatesOf } from '../../src/faces/closer-look.js';
import { type Level, planLevels } from '../../src/faces/pyramid.js';

const windowsOf = ({ width, height }: Level) => ({
  columns: Math.floor((width - 12) / 2) + 1,
  rows: Math.floor((height - 12) / 2) + 1,
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
  const levels = planLevels({ width: 512, height: 288 }, 20, 0.79);
  const [larger, gate, smaller] = levels as [Level, Level, Level];
  const { columns, rows } = windowsOf(gate);
  const at = (column: number, row: number, score: number) => {
    // The level lies somewhere on a wider canvas.
    const stride = columns + 7;
    const scores = new Float32Array(stride * (rows + 3)).fill(1);
    for (let y = 0; y < rows; y++) scores.fill(0, (y + 2) * stride, (y + 2) * stride + columns);
    scores[(row + 2) * stride + column] = score;
    return { scores, stride, first: 2 * stride, columns, rows };
  };

  it.each([
    ['the larger', larger],
    ['the smaller', smaller],
  ])('holds the window at the same place of %s neighbour, and little else', (_, level) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: columns - 1 }),
        fc.integer({ min: 0, max: rows - 1 }),
        (column, row) => {
          const windows = windowsOf(level);
          const found = at(column, row, CLOSER_SCORE);
          const blocks = blocksToLookAt(found, gate, level, windows);
          expect(blocks).toHaveLength(1);
          const [{ left, top, right, bottom }] = blocks as [(typeof blocks)[0]];
          const near = (cell: number, scale: number, count: number) =>
            Math.min(count - 1, Math.max(0, Math.round(((cell * 2 + 6) * scale - 6) / 2)));
          const x = near(column, level.scaleX / gate.scaleX, windows.columns);
          const y = near(row, level.scaleY / gate.scaleY, windows.rows);
          expect(left <= x && x < right && top <= y && y < bottom).toBe(true);
          expect(right - left).toBeLessThanOrEqual(4);
          expect(bottom - top).toBeLessThanOrEqual(4);
          expect(left).toBeGreaterThanOrEqual(0);
          expect(right).toBeLessThanOrEqual(windows.columns);
          expect(bottom).toBeLessThanOrEqual(windows.rows);
        },
      ),
    );
  });

  it('is nowhere below the score', () => {
    const found = at(5, 5, CLOSER_SCORE - 0.01);
    expect(blocksToLookAt(found, gate, larger, windowsOf(larger))).toEqual([]);
  });
});
