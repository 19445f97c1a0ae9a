import { describe, expect, it, vi } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import type { Quality, Template } from '../../src/domain/records.js';
import { Enrolment, flawOf, pickFace } from '../../src/gallery/enrolment.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import type { AnalysedFace } from '../../src/vision/messages.js';
import { openState } from '../daemon/state-folder.js';
import { faceNear, randomFace, seededRandom } from './faces.js';

const config = configSchema.parse({});
const FRAME = { width: 640, height: 480 };
const ORIGIN = { family: 'f', build: 'b', source: 'photo.jpg', frame: FRAME };
const GOOD: Quality = { value: 0.7, interocularPx: 60, sharpness: 0.8, frontality: 0.9, luma: 120 };
const CROP = new Uint8Array([0xff, 0xd8, 0xff]);

function faceOf(template: Template, sidePx = 100, quality: Partial<Quality> = {}): AnalysedFace {
  const at = { x: 10, y: 10 };
  return {
    box: { ...at, width: sidePx, height: sidePx },
    score: 0.99,
    landmarks: [at, at, at, at, at],
    quality: { ...GOOD, ...quality },
    template,
    crop: CROP,
  };
}

async function opened(gallery: Partial<typeof config.gallery> = {}) {
  const db = await openState();
  const store = new IdentityStore(db);
  const rules = { ...config, gallery: { ...config.gallery, ...gallery } };
  const begin = () => new Enrolment(store, rules);
  return { db, store, begin, enrolment: begin() };
}

const random = seededRandom(21);
const [ann, bob] = [randomFace(random), randomFace(random)];

describe('pickFace', () => {
  const pick = (...faces: AnalysedFace[]) => pickFace(faces, FRAME, config.quality);

  it('takes the only face', () => {
    const face = faceOf(ann);
    expect(pick(face)).toEqual({ ok: true, face });
  });

  it('says that there is none, and how large the picture was', () => {
    expect(pick()).toMatchObject({ ok: false, reason: expect.stringContaining('640×480') });
  });

  it('refuses two faces, but not a passer-by with a sixth of the area', () => {
    expect(pick(faceOf(bob, 60), faceOf(ann, 100))).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^2 faces were found/),
    });
    const large = faceOf(ann, 100);
    expect(pick(faceOf(bob, 40), large)).toEqual({ ok: true, face: large });
  });

  it.each([
    ['too small', { interocularPx: 13.9 }, /too small: 14 pixels/],
    ['blurred', { sharpness: 0.14 }, /too blurred: sharpness 0\.14, needed 0\.15/],
    ['turned away', { frontality: 0.2 }, /turned away too far/],
    ['poor altogether', { value: 0.19 }, /too poor to judge/],
  ])('refuses a face that is %s', (_what, quality, reason) => {
    expect(pick(faceOf(ann, 100, quality))).toEqual({
      ok: false,
      reason: expect.stringMatching(reason),
    });
    expect(flawOf(GOOD, config.quality)).toBeUndefined();
  });
});

describe('Enrolment', () => {
  it('makes the identity and keeps template, crop and origin', async () => {
    const { db, store, enrolment } = await opened();
    const result = enrolment.enrol(' Ann  Lee', [faceOf(ann)], ORIGIN);
    expect(result).toMatchObject({ kind: 'enrolled', quality: 0.7 });
    expect(result).not.toHaveProperty('warning');
    expect(store.list()).toMatchObject([{ name: 'Ann Lee', templates: 1 }]);
    const row = db.prepare('SELECT family, build, source, quality, crop FROM templates').get();
    expect(row).toEqual({
      ...{ family: 'f', build: 'b', source: 'photo.jpg', quality: 0.7 },
      crop: Buffer.from(CROP),
    });
    expect(store.templates('f')[0]?.vector).toEqual(ann);
  });

  it('keeps no crop when told so', async () => {
    const { db, enrolment } = await opened({ keepCrops: false });
    enrolment.enrol('Ann', [faceOf(ann)], ORIGIN);
    expect(db.prepare('SELECT crop FROM templates').get()).toEqual({ crop: null });
  });

  it('changes nothing for a photo that shows nothing new', async () => {
    const { store, enrolment } = await opened();
    enrolment.enrol('Ann', [faceOf(ann)], ORIGIN);
    const again = enrolment.enrol('ANN', [faceOf(faceNear(ann, 0.975, random))], ORIGIN);
    expect(again).toMatchObject({ kind: 'unchanged', identity: { name: 'Ann' } });
    expect(enrolment.enrol('Ann', [faceOf(faceNear(ann, 0.9, random))], ORIGIN).kind).toBe(
      'enrolled',
    );
    expect(store.list()).toMatchObject([{ templates: 2 }]);
  });

  it('refuses a photo that does not look like the others, and makes nobody for a refused one', async () => {
    const { store, enrolment } = await opened();
    enrolment.enrol('Ann', [faceOf(ann)], ORIGIN);
    const strange = enrolment.enrol('Ann', [faceOf(faceNear(ann, 0.15, random))], ORIGIN);
    expect(strange).toMatchObject({
      reason: expect.stringMatching(/does not look like Ann .*0\.15/),
    });
    expect(enrolment.enrol('Carl', [], ORIGIN).kind).toBe('refused');
    expect(store.list().map(({ name }) => name)).toEqual(['Ann']);
  });

  it('refuses a photo that is nearer to somebody else', async () => {
    const { enrolment } = await opened();
    enrolment.enrol('Ann', [faceOf(ann)], ORIGIN);
    enrolment.enrol('Bob', [faceOf(bob)], ORIGIN);
    const both = faceNear(bob, 0.8, random);
    const result = enrolment.enrol('Ann', [faceOf(both)], ORIGIN);
    expect(result).toMatchObject({ kind: 'refused', reason: expect.stringContaining('Bob') });
  });

  it('refuses one photo under two names', async () => {
    const { store, enrolment } = await opened();
    enrolment.enrol('Ann', [faceOf(ann)], ORIGIN);
    const result = enrolment.enrol('Anna', [faceOf(ann)], ORIGIN);
    expect(result).toMatchObject({ reason: 'the photo is that of Ann (similarity 1.00)' });
    expect(store.list()).toHaveLength(1);
  });

  it('enrols relatives, and says that they look alike', async () => {
    const { enrolment, begin } = await opened();
    enrolment.enrol('Ann', [faceOf(ann)], ORIGIN);
    const sister = faceNear(ann, 0.6, random);
    expect(begin().enrol('Eva', [faceOf(sister)], ORIGIN)).toMatchObject({
      kind: 'enrolled',
      warning: expect.stringMatching(/^Eva looks like Ann \(similarity 0\.60\)/),
    });
    const more = enrolment.enrol('Ann', [faceOf(faceNear(ann, 0.8, random))], ORIGIN);
    expect(more.kind).toBe('enrolled');
  });

  it('keeps no more photos of one person than asked', async () => {
    const { enrolment } = await opened({ maxTemplates: 2 });
    const photo = () => [faceOf(faceNear(ann, 0.8, random))];
    expect(enrolment.enrol('Ann', photo(), ORIGIN).kind).toBe('enrolled');
    expect(enrolment.enrol('Ann', photo(), ORIGIN).kind).toBe('enrolled');
    expect(enrolment.enrol('Ann', photo(), ORIGIN)).toMatchObject({
      reason: 'Ann has 2 photos already, the most that are kept',
    });
  });

  it('compares templates of one family only', async () => {
    const { store, enrolment } = await opened();
    enrolment.enrol('Ann', [faceOf(ann)], ORIGIN);
    const other = randomFace(random, 192);
    const result = enrolment.enrol('Ann', [faceOf(other)], { ...ORIGIN, family: 'g' });
    expect(result.kind).toBe('enrolled');
    expect(store.templates('g')).toHaveLength(1);
    expect(store.templates('f')).toHaveLength(1);
  });

  it('enrols thousands in one batch without reading the gallery for each', async () => {
    const { db, store, enrolment } = await opened();
    const read = vi.spyOn(store, 'templates');
    db.transaction(() => {
      for (let person = 0; person < 200; person++) {
        enrolment.enrol(`Person ${person}`, [faceOf(randomFace(random))], ORIGIN);
      }
    })();
    expect(store.list()).toHaveLength(200);
    expect(read.mock.calls.filter(([, identityId]) => identityId === undefined)).toHaveLength(1);
  });
});
