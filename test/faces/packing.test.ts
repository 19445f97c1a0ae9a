import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Size } from '../../src/domain/records.js';
import {
  type Packing,
  packInto,
  packLoosely,
  packTightly,
  shareOut,
} from '../../src/faces/packing.js';

const sizes = fc.array(
  fc.record({ width: fc.integer({ min: 1, max: 300 }), height: fc.integer({ min: 1, max: 200 }) }),
  { minLength: 1, maxLength: 25 },
);
const areaOf = ({ width, height }: Size): number => width * height;

function expectPacked({ size, places }: Packing, packed: readonly Size[]): void {
  expect(places.map(({ width, height }) => ({ width, height }))).toEqual(packed);
  for (const [index, a] of places.entries()) {
    expect([a.x % 2, a.y % 2]).toEqual([0, 0]);
    expect(a.x + a.width).toBeLessThanOrEqual(size.width);
    expect(a.y + a.height).toBeLessThanOrEqual(size.height);
    for (const b of places.slice(index + 1)) {
      const apart =
        a.x + a.width <= b.x ||
        b.x + b.width <= a.x ||
        a.y + a.height <= b.y ||
        b.y + b.height <= a.y;
      expect(apart).toBe(true);
    }
  }
}

describe('packing', () => {
  it.each([
    ['tightly', packTightly],
    ['loosely', packLoosely],
    ['into a width', (list: readonly Size[]) => packInto(320, list)],
  ])('%s keeps all inside, on even origins, apart, and in order', (_, pack) => {
    fc.assert(
      fc.property(sizes, (list) => expectPacked(pack(list), list)),
      { numRuns: 60 },
    );
  });

  it('loosely makes canvases of few sizes', () => {
    fc.assert(
      fc.property(sizes, (list) => {
        const { size } = packLoosely(list);
        expect([size.width % 32, size.height % 16]).toEqual([0, 0]);
      }),
    );
  });

  it('loosely wastes a quarter at most of what a frame usually asks for', () => {
    const blocks = Array.from({ length: 20 }, (_, i) => ({
      width: 24 + ((i * 14) % 40),
      height: 24 + ((i * 22) % 36),
    }));
    const used = blocks.reduce((sum, block) => sum + areaOf(block), 0);
    expect(areaOf(packLoosely(blocks).size) / used).toBeLessThan(1.25);
  });

  it('of nothing is an empty canvas', () => {
    expect(packTightly([])).toEqual({ size: { width: 0, height: 0 }, places: [] });
  });
});

it('shares areas out so that each canvas has room for its own, and no two would fit on one', () => {
  const areas = fc.array(fc.integer({ min: 1, max: 12_000 }), { maxLength: 30 });
  fc.assert(
    fc.property(areas, (areasPx) => {
      const canvases = shareOut(areasPx, 10_000);
      expect(canvases.flat().sort((a, b) => a - b)).toEqual(areasPx.map((_, index) => index));
      const sums = canvases.map((members) =>
        members.reduce((sum, index) => sum + (areasPx[index] as number), 0),
      );
      for (const [i, sum] of sums.entries()) {
        if (canvases[i]?.length !== 1) expect(sum).toBeLessThanOrEqual(10_000);
        for (const other of sums.slice(i + 1)) expect(sum + other).toBeGreaterThan(10_000);
      }
    }),
  );
});
