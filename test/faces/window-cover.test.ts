import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costPx, coverMarks, spanPx, tiles } from '../../src/faces/window-cover.js';

const COLUMNS = 20;
const CELL_WINDOWS = 2;
const marked = fc
  .array(fc.constantFrom(0, 0, 0, 1), { minLength: COLUMNS * 12, maxLength: COLUMNS * 12 })
  .map((cells) => Uint8Array.from(cells));

describe('covering marks with blocks', () => {
  it('leaves none out', () => {
    fc.assert(
      fc.property(marked, (marks) => {
        const blocks = coverMarks(marks, COLUMNS, CELL_WINDOWS);
        for (const [index, mark] of marks.entries()) {
          if (mark === 0) continue;
          const x = (index % COLUMNS) * CELL_WINDOWS;
          const y = Math.floor(index / COLUMNS) * CELL_WINDOWS;
          const held = blocks.some(
            ({ left, top, right, bottom }) =>
              left <= x && top <= y && right >= x + CELL_WINDOWS && bottom >= y + CELL_WINDOWS,
          );
          expect(held).toBe(true);
        }
      }),
    );
  });

  it('never takes more pixels than a block a mark, and no pair that is dearer than one', () => {
    fc.assert(
      fc.property(marked, (marks) => {
        const blocks = coverMarks(marks, COLUMNS, CELL_WINDOWS);
        const cost = blocks.reduce((sum, block) => sum + costPx(block), 0);
        const marksLeft = marks.reduce((sum, mark) => sum + mark, 0);
        expect(cost).toBeLessThanOrEqual(marksLeft * spanPx(CELL_WINDOWS) ** 2);
        for (const [index, a] of blocks.entries()) {
          for (const b of blocks.slice(index + 1)) {
            const wide = spanPx(Math.max(a.right, b.right) - Math.min(a.left, b.left));
            const high = spanPx(Math.max(a.bottom, b.bottom) - Math.min(a.top, b.top));
            expect(wide * high).toBeGreaterThan(costPx(a) + costPx(b));
          }
        }
      }),
    );
  });

  it('makes one block of what lies close, and two of what lies apart', () => {
    const marks = new Uint8Array(COLUMNS * 12);
    marks[0] = 1;
    marks[COLUMNS + 1] = 1;
    expect(coverMarks(marks, COLUMNS, 2)).toEqual([{ left: 0, top: 0, right: 4, bottom: 4 }]);
    marks[COLUMNS * 11 + 19] = 1;
    expect(coverMarks(marks, COLUMNS, 2)).toEqual([
      { left: 0, top: 0, right: 4, bottom: 4 },
      { left: 38, top: 22, right: 40, bottom: 24 },
    ]);
  });

  it('is empty where nothing is marked', () => {
    expect(coverMarks(new Uint8Array(COLUMNS * 3), COLUMNS, 2)).toEqual([]);
  });
});

describe('cutting a block', () => {
  it('makes parts that fit, of all of its windows, each once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 2000, max: 40_000 }),
        (columns, rows, mostPx) => {
          const block = { left: 6, top: 3, right: 6 + columns, bottom: 3 + rows };
          const parts = tiles(block, mostPx);
          for (const part of parts) expect(costPx(part)).toBeLessThanOrEqual(mostPx);
          const windows = parts.flatMap(({ left, top, right, bottom }) =>
            Array.from(
              { length: (right - left) * (bottom - top) },
              (_, i) => `${left + (i % (right - left))},${top + Math.floor(i / (right - left))}`,
            ),
          );
          expect(windows).toHaveLength(columns * rows);
          expect(new Set(windows).size).toBe(columns * rows);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('leaves one whole that fits, and one that no grid makes fit', () => {
    const block = { left: 0, top: 0, right: 50, bottom: 50 };
    expect(tiles(block, costPx(block))).toEqual([block]);
    expect(tiles(block, 100)).toEqual([block]);
  });
});
