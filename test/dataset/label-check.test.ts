import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packTemplate, unpackTemplate } from '../../src/dataset/finding.js';
import { findCentre, similarityToOthers } from '../../src/dataset/identity-centre.js';
import { checkLabels, type LabelledTemplate, sureCosine } from '../../src/dataset/label-check.js';
import { cosine } from '../../src/gallery/cosine.js';
import { faceNear, randomFace, seededRandom, unit } from '../gallery/faces.js';

/** As measured for the shipped recogniser. */
const COSINES = { 0.01: 0.347, 0.001: 0.4503, 0.0001: 0.5316 } as const;

/** Images of one person: each as alike to the person's face as photographs are. */
function photosOf(identity: string, count: number, seed: number): LabelledTemplate[] {
  const random = seededRandom(seed);
  const face = randomFace(random, 192);
  return Array.from({ length: count }, (_, n) => ({
    path: `${identity}/${n}.jpg`,
    identity,
    template: faceNear(face, 0.85, random),
  }));
}

describe('the centre of an identity', () => {
  it('is that of the majority, whatever the others are', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 12 }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer(),
        (right, wrong, seed) => {
          fc.pre(wrong < right - 1);
          const random = seededRandom(seed);
          const face = randomFace(random, 192);
          const strangers = Array.from({ length: wrong }, () => randomFace(random, 192));
          const photos = Array.from({ length: right }, () => faceNear(face, 0.85, random));
          const { vector, agreeing } = findCentre([...strangers, ...photos], COSINES[0.01]);
          expect(cosine(vector, face)).toBeGreaterThan(0.85);
          expect([...agreeing]).toEqual(photos.map((_, place) => wrong + place));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('leaves the template out that is compared with it', () => {
    const random = seededRandom(5);
    const face = randomFace(random, 192);
    const photos = Array.from({ length: 4 }, () => faceNear(face, 0.8, random));
    const centre = findCentre(photos, COSINES[0.01]);
    for (const [place, photo] of photos.entries()) {
      const others = photos.filter((_, other) => other !== place);
      const mean = unit(photo.map((_, i) => others.reduce((sum, one) => sum + (one[i] ?? 0), 0)));
      expect(similarityToOthers(photo, centre, place)).toBeCloseTo(cosine(mean, photo), 4);
    }
    const alone = findCentre(photos.slice(0, 1), COSINES[0.01]);
    expect(similarityToOthers(photos[0] as Float32Array, alone, 0)).toBeUndefined();
  });
});

describe('checkLabels', () => {
  const people = [photosOf('ann', 5, 1), photosOf('bob', 4, 2), photosOf('cid', 2, 3)];

  it('finds nothing wrong where nothing is', () => {
    expect(checkLabels(people.flat(), COSINES)).toEqual({ wrong: [], mixed: [], alike: [] });
  });

  it('finds images in the wrong folder, and whose they are', () => {
    const [ann = [], bob = [], cid = []] = people;
    const moved = { ...(ann[4] as LabelledTemplate), path: 'bob/9.jpg', identity: 'bob' };
    const { wrong, mixed } = checkLabels([...ann.slice(0, 4), ...bob, ...cid, moved], COSINES);
    expect(wrong).toMatchObject([{ path: 'bob/9.jpg', looksLike: { identity: 'ann' } }]);
    expect(wrong[0]?.own).toBeLessThan(0.28);
    expect(mixed).toEqual([]);
  });

  it('finds strangers among three and more, and not which of two is one', () => {
    const stranger = photosOf('x', 1, 9)[0] as LabelledTemplate;
    const [, bob = [], cid = []] = people;
    const among = (identity: string) => ({ ...stranger, path: `${identity}/s.jpg`, identity });
    const three = checkLabels([...bob.slice(0, 2), among('bob')], COSINES);
    expect(three.wrong).toMatchObject([{ path: 'bob/s.jpg' }]);
    expect(three.wrong[0]).not.toHaveProperty('looksLike');
    const two = checkLabels([...cid.slice(0, 1), among('cid')], COSINES);
    expect(two.wrong).toEqual([]);
    expect(two.mixed).toEqual([{ identity: 'cid', agreeing: expect.any(Number), of: 2 }]);
  });

  it('takes no side where half of a folder shows somebody else', () => {
    const [ann = [], bob = []] = people;
    const half = bob
      .slice(0, 2)
      .map((one) => ({ ...one, identity: 'mixed', path: `b${one.path}` }));
    const other = ann.slice(0, 2).map((one) => ({ ...one, identity: 'mixed' }));
    const { wrong, mixed } = checkLabels([...half, ...other], COSINES);
    expect(wrong).toEqual([]);
    expect(mixed).toMatchObject([{ identity: 'mixed', of: 4 }]);
  });

  it('reports two folders of one person, and leaves faces without a label alone', () => {
    const [ann = []] = people;
    const twice = ann.slice(0, 3).map((one) => ({ ...one, identity: 'anna' }));
    const loose = photosOf('_', 3, 7);
    const { wrong, alike } = checkLabels([...ann.slice(3), ...twice, ...loose], COSINES);
    expect(wrong).toEqual([]);
    expect(alike).toMatchObject([{ first: 'ann', second: 'anna' }]);
    expect(alike[0]?.similarity).toBeGreaterThan(0.8);
  });

  it('calls more images odd when it is asked to', () => {
    const [ann = []] = people;
    const odd = { ...faceOf(ann), path: 'ann/odd.jpg' };
    expect(checkLabels([...ann, odd], COSINES).wrong).toEqual([]);
    expect(checkLabels([...ann, odd], COSINES, 0.6).wrong).toMatchObject([{ path: 'ann/odd.jpg' }]);
  });

  it('needs a closer match the more identities there are to match', () => {
    expect(sureCosine(1, COSINES)).toBe(COSINES[0.0001]);
    expect(sureCosine(4_281, COSINES)).toBeCloseTo(0.703, 2);
  });
});

/** An image that is like the person's others in part. */
function faceOf(photos: readonly LabelledTemplate[]): LabelledTemplate {
  const [first] = photos;
  const { vector } = findCentre(
    photos.map(({ template }) => template),
    COSINES[0.01],
  );
  return { ...(first as LabelledTemplate), template: faceNear(vector, 0.45, seededRandom(4)) };
}

describe('packed templates', () => {
  it('keep their cosines within a hundredth', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: -1, max: 1, noNaN: true }), (seed, similarity) => {
        const random = seededRandom(seed);
        const a = randomFace(random, 192);
        const b = faceNear(a, similarity, random);
        const packed = cosine(unpackTemplate(packTemplate(a)), unpackTemplate(packTemplate(b)));
        expect(Math.abs(packed - cosine(a, b))).toBeLessThan(0.01);
      }),
    );
  });
});
