import { describe, expect, it } from 'vitest';
import {
  calibrate,
  expectationOf,
  readCalibration,
  removeCalibration,
  saveCalibration,
} from '../../src/gallery/calibration.js';
import { cosine } from '../../src/gallery/cosine.js';
import { measureDistances } from '../../src/gallery/gallery-distances.js';
import type { StoredTemplate } from '../../src/gallery/identity-store.js';
import { SimilarityHistogram } from '../../src/gallery/similarity-histogram.js';
import { openState } from '../daemon/state-folder.js';
import { faceNear, randomFace, seededRandom } from './faces.js';

const DIMENSION = 128;
const PUBLISHED = { 0.01: 0.35, 0.001: 0.45, 0.0001: 0.53 };
const TWIN = 0.68;
const NOW_MS = Date.UTC(2026, 10, 24);

/** Cosines of random directions are normally distributed, with a deviation of 1/√dimension. */
const expectedThreshold = (deviations: number) => deviations / Math.sqrt(DIMENSION);

function galleryOf(people: number, photos: number, seed = 1, dimension = DIMENSION) {
  const random = seededRandom(seed);
  return Array.from({ length: people }, (_, person) => {
    const face = randomFace(random, dimension);
    return Array.from({ length: photos }, (_photo, photo): StoredTemplate => {
      const vector = photo === 0 ? face : faceNear(face, 0.7, random);
      const identity = { id: `i${person}`, name: `Person ${person}` };
      return { id: `t${person}-${photo}`, identity, vector, quality: 1 };
    });
  }).flat();
}

describe('SimilarityHistogram', () => {
  it('gives the threshold that at most the asked share reaches', () => {
    const histogram = new SimilarityHistogram();
    for (let n = 0; n < 1_000; n++) histogram.add(n / 1_000);
    expect(histogram.thresholdFor(0.01)).toBeCloseTo(0.9891, 4);
    expect(histogram.countFrom(histogram.thresholdFor(0.01))).toBe(10);
    expect(histogram.countFrom(-1)).toBe(1_000);
    expect(histogram.highest).toBeCloseTo(0.999, 4);
    histogram.remove(0.999);
    expect(histogram.highest).toBeCloseTo(0.998, 4);
    expect(histogram.total).toBe(999);
  });

  it('takes cosines that rounding took beyond one', () => {
    const histogram = new SimilarityHistogram();
    histogram.add(1.0000001);
    histogram.add(-1.0000001);
    expect(histogram.countFrom(1)).toBe(1);
    expect(histogram.countFrom(-1)).toBe(2);
    expect(new SimilarityHistogram().highest).toBeUndefined();
  });
});

describe('measureDistances', () => {
  it('compares every pair of different people once, as brute force does', () => {
    const templates = galleryOf(12, 3);
    const { impostors, genuine, identities } = measureDistances(templates, TWIN);
    const all: number[] = [];
    templates.forEach((a, i) => {
      for (const b of templates.slice(i + 1)) {
        if (a.identity.id !== b.identity.id) all.push(cosine(a.vector, b.vector));
      }
    });
    expect(identities).toBe(12);
    expect(impostors.total).toBe(all.length);
    const limit = 0.1;
    expect(impostors.countFrom(limit)).toBe(all.filter((value) => value >= limit).length);
    expect(genuine.total).toBe(36);
    expect(genuine.countFrom(0.69)).toBe(36);
  });

  it('leaves out two people who are alike in most photos, and says who', () => {
    const templates = galleryOf(5, 2);
    const random = seededRandom(9);
    const twin = { id: 'twin', name: 'Twin' };
    const own = templates[0] as StoredTemplate;
    for (const [n, similarity] of [0.9, 0.8].entries()) {
      const vector = faceNear(own.vector, similarity, random);
      templates.push({ ...own, id: `twin${n}`, identity: twin, vector });
    }
    const { twins, impostors } = measureDistances(templates, 0.5);
    expect(twins).toMatchObject([{ first: own.identity, second: twin }]);
    expect(twins[0]?.similarity).toBeCloseTo(0.9, 2);
    expect(impostors.highest).toBeLessThan(0.5);
  });

  it('keeps a single chance likeness of two people among the impostors', () => {
    const templates = galleryOf(5, 4);
    const stray = templates[4] as StoredTemplate;
    const vector = faceNear((templates[0] as StoredTemplate).vector, 0.9, seededRandom(3));
    templates[4] = { ...stray, vector };
    const { twins, impostors } = measureDistances(templates, 0.75);
    expect(twins).toEqual([]);
    expect(impostors.highest).toBeCloseTo(0.9, 2);
  });

  it('counts no pair twice when only every n-th is a probe, and believes in no crowd of twins', () => {
    const templates = galleryOf(11_000, 1, 5, 16);
    const done: number[] = [];
    const { impostors, twins } = measureDistances(templates, TWIN, (at) => done.push(at));
    expect(twins).toEqual([]);
    expect(impostors.highest).toBeGreaterThan(TWIN);
    const probes = Math.ceil(11_000 / 3);
    expect(done).toHaveLength(probes);
    expect(impostors.total).toBe(probes * (11_000 - 1) - (probes * (probes - 1)) / 2);
  }, 60_000);
});

describe('calibrate', () => {
  it('takes the threshold from a gallery that has enough comparisons', () => {
    const distances = measureDistances(galleryOf(150, 1), TWIN);
    const chosen = calibrate(distances, 0.01, PUBLISHED, NOW_MS);
    expect(chosen).toMatchObject({ basis: 'gallery', far: 0.01, identities: 150 });
    expect(chosen.threshold).toBeCloseTo(expectedThreshold(2.326), 1);
    const expected = expectationOf(distances, chosen);
    expect(expected.falseAcceptRate).toBeLessThanOrEqual(0.01);
    expect(expected.falseAcceptRate).toBeGreaterThan(0.009);
    expect(expected.falseAcceptRateBelow).toBeGreaterThan(expected.falseAcceptRate);
    expect(expected.falseAcceptRateBelow).toBeLessThan(0.013);
    expect(expected.recognisedRate).toBeNull();
  });

  it('goes on with the published tail where the gallery has too few', () => {
    const distances = measureDistances(galleryOf(60, 1), TWIN);
    const own = calibrate(distances, 0.01, PUBLISHED, NOW_MS);
    const chosen = calibrate(distances, 0.0001, PUBLISHED, NOW_MS);
    expect(chosen.basis).toBe('gallery-and-published');
    expect(chosen.threshold).toBeCloseTo(own.threshold + 0.53 - 0.35, 4);
  });

  it('keeps the published threshold for a household, however many photos it has', () => {
    const distances = measureDistances(galleryOf(5, 12), TWIN);
    expect(distances.impostors.total).toBeGreaterThan(1_000);
    const chosen = calibrate(distances, 0.01, PUBLISHED, NOW_MS);
    expect(chosen).toMatchObject({ basis: 'published', threshold: 0.35 });
    expect(expectationOf(distances, chosen)).toMatchObject({ recognisedRate: 1, genuine: 60 });
  });

  it('expects more strangers to be named the more people there are to be taken for', () => {
    const rateOf = (people: number) => {
      const distances = measureDistances(galleryOf(people, 1), TWIN);
      const chosen = calibrate(distances, 0.001, PUBLISHED, NOW_MS);
      return expectationOf(distances, chosen).strangerNamedRate;
    };
    expect(rateOf(10)).toBeCloseTo(1 - 0.999 ** 10, 6);
    expect(rateOf(300)).toBeGreaterThan(0.2);
  });

  it('is found again by its family, until it is taken back', async () => {
    const db = await openState();
    const distances = measureDistances(galleryOf(30, 1), TWIN);
    const chosen = calibrate(distances, 0.001, PUBLISHED, NOW_MS);
    expect(readCalibration(db, 'f')).toBeUndefined();
    saveCalibration(db, 'f', chosen);
    saveCalibration(db, 'f', { ...chosen, threshold: 0.5 });
    expect(readCalibration(db, 'f')).toEqual({ ...chosen, threshold: 0.5 });
    expect(readCalibration(db, 'g')).toBeUndefined();
    db.prepare("UPDATE settings SET value = '{}' WHERE key = 'calibration:f'").run();
    expect(() => readCalibration(db, 'f')).toThrow(expect.objectContaining({ code: 'STORE' }));
    expect(removeCalibration(db, 'f')).toBe(true);
    expect(removeCalibration(db, 'f')).toBe(false);
  });
});
