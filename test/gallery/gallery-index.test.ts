import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cosine } from '../../src/gallery/cosine.js';
import { GalleryIndex, type IndexedTemplate } from '../../src/gallery/gallery-index.js';
import { randomFace, seededRandom } from './faces.js';

function gallery(count: number, dimension: number, people: number, seed = 1): IndexedTemplate[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const person = `p${Math.floor(random() * people)}`;
    const vector = randomFace(random, dimension);
    return { id: `t${index}`, identity: { id: person, name: person }, vector };
  });
}

/** What a search has to give, found the slow way. */
function bruteForce(templates: readonly IndexedTemplate[], probe: Float32Array, limit: number) {
  const best = new Map<string, number>();
  for (const { identity, vector } of templates) {
    const similarity = cosine(vector, probe);
    if (similarity > (best.get(identity.id) ?? -2)) best.set(identity.id, similarity);
  }
  return [...best].sort((a, b) => b[1] - a[1]).slice(0, limit);
}

function expectSame(
  index: GalleryIndex,
  templates: readonly IndexedTemplate[],
  probe: Float32Array,
) {
  const found = index.search(probe, 3);
  const wanted = bruteForce(templates, probe, 3);
  expect(found.map(({ identity }) => identity.id)).toEqual(wanted.map(([id]) => id));
  for (const [i, { similarity }] of found.entries()) {
    expect(similarity).toBeCloseTo(wanted[i]?.[1] as number, 5);
  }
}

describe('GalleryIndex', () => {
  it('finds nobody in an empty gallery', () => {
    expect(new GalleryIndex().search(randomFace(seededRandom(1)), 3)).toEqual([]);
  });

  it.each([
    [1, 16, 1],
    [7, 3, 2],
    [500, 192, 40],
    [5_000, 512, 900],
  ])('equals brute force over %i templates of %i values', (count, dimension, people) => {
    const templates = gallery(count, dimension, people);
    const index = new GalleryIndex();
    index.load(templates);
    const random = seededRandom(99);
    for (let n = 0; n < 20; n++) expectSame(index, templates, randomFace(random, dimension));
  });

  it('equals brute force after any sequence of additions and removals', () => {
    const pool = gallery(60, 19, 9, 5);
    const probe = randomFace(seededRandom(8), 19);
    const steps = fc.array(fc.nat(59), { maxLength: 120 });
    fc.assert(
      fc.property(steps, (numbers) => {
        const index = new GalleryIndex();
        const present = new Map<string, IndexedTemplate>();
        for (const number of numbers) {
          const template = pool[number] as IndexedTemplate;
          if (present.delete(template.id)) {
            expect(index.remove(template.id)).toBe(true);
          } else {
            index.add(template);
            present.set(template.id, template);
          }
        }
        expect(index.size).toBe(present.size);
        expect(index.remove('nobody')).toBe(false);
        expectSame(index, [...present.values()], probe);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves nothing of what it was loaded with before', () => {
    const index = new GalleryIndex();
    index.load(gallery(3_000, 64, 500, 2));
    const second = gallery(10, 64, 5, 3);
    index.load(second);
    expectSame(index, second, randomFace(seededRandom(4), 64));
    const other = gallery(10, 32, 5, 4);
    index.load(other);
    expectSame(index, other, randomFace(seededRandom(4), 32));
  });

  it('refuses templates and probes of another length', () => {
    const index = new GalleryIndex();
    index.load(gallery(2, 16, 2));
    const [other] = gallery(1, 32, 1);
    expect(() => index.add(other as IndexedTemplate)).toThrow(/32 values among those of 16/);
    expect(() => index.search(randomFace(seededRandom(1), 32), 1)).toThrow(RangeError);
  });

  it('runs the kernel that its text describes', () => {
    execFileSync('node', ['scripts/build-kernel.mjs', '--check']);
  });
});
