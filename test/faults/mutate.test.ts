import { describe, expect, it } from 'vitest';
import { mutateBytes, mutateValue } from '../../src/faults/mutate.js';
import { SeededRandom } from '../../src/faults/seeded-random.js';

const ORIGINAL = Buffer.from(Array.from({ length: 400 }, (_, index) => index % 251));

describe('SeededRandom', () => {
  it('gives the same numbers for the same seed, evenly', () => {
    const numbers = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 4_000 }, () => random.next());
    };
    expect(numbers(7)).toEqual(numbers(7));
    expect(numbers(7)).not.toEqual(numbers(8));
    const mean = numbers(7).reduce((sum, value) => sum + value, 0) / 4_000;
    expect(mean).toBeCloseTo(0.5, 1);
  });
});

describe('mutateBytes', () => {
  it('damages a file of any length in repeatable ways, and leaves the original alone', () => {
    const before = Buffer.from(ORIGINAL);
    const run = (seed: number): string[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 500 }, (_, index) =>
        mutateBytes(random, ORIGINAL.subarray(0, index % 400), [ORIGINAL]).toString('hex'),
      );
    };
    expect(run(3)).toEqual(run(3));
    expect(ORIGINAL.equals(before)).toBe(true);
    expect(new Set(run(3)).size).toBeGreaterThan(400);
  });

  it('cuts, grows and alters', () => {
    const random = new SeededRandom(1);
    const lengths = Array.from({ length: 300 }, () => mutateBytes(random, ORIGINAL, []).length);
    expect(lengths.some((length) => length < 400)).toBe(true);
    expect(lengths.some((length) => length > 400)).toBe(true);
    expect(lengths.some((length) => length === 400)).toBe(true);
  });
});

describe('mutateValue', () => {
  it('changes a request at any depth, and what comes out is JSON', () => {
    const random = new SeededRandom(5);
    const request = { name: 'Ann', nested: { list: [1, 2, { deep: 'x' }] }, on: true };
    const texts = Array.from({ length: 500 }, () => JSON.stringify(mutateValue(random, request)));
    expect(texts.every((text) => JSON.parse(text) !== undefined)).toBe(true);
    expect(texts.filter((text) => text !== JSON.stringify(request)).length).toBeGreaterThan(450);
    expect(texts.some((text) => text.includes('"deep"') && !text.includes('"x"'))).toBe(true);
    expect(JSON.stringify(request)).toBe(
      '{"name":"Ann","nested":{"list":[1,2,{"deep":"x"}]},"on":true}',
    );
  });
});
