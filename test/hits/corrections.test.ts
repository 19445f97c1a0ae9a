import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { Corrections } from '../../src/hits/corrections.js';
import { findHit } from '../../src/hits/hit-lookup.js';
import { faceNear } from '../gallery/faces.js';
import { Scene } from './scene.js';

const HOUR_MS = 3_600_000;
const { gallery: config } = configSchema.parse({});

/** Somebody who looks enough like Ann to be taken for her. */
function mistaken() {
  const scene = Scene.open();
  const ann = scene.enrol('Ann');
  const other = faceNear(ann, 0.55, scene.random);
  const hit = scene.visit(other, 'v1-1', { likeness: 0.98 });
  expect(hit?.identity?.name).toBe('Ann');
  const later = (face = other) => {
    scene.recognition.reloadGallery();
    scene.clock.pass(HOUR_MS);
    return scene.visit(face, `v1-${scene.clock.nowMs()}`, { likeness: 0.98 });
  };
  const id = hit?.id ?? '';
  return { scene, ann, other, id, later, corrections: new Corrections(scene.db, config) };
}

describe('findHit', () => {
  it('finds every hit by its id, also when some between are gone', () => {
    const { scene, ann } = mistaken();
    for (let n = 0; n < 30; n++) {
      scene.clock.pass(HOUR_MS);
      scene.visit(ann, `v2-${n}`);
    }
    scene.db.exec('DELETE FROM hits WHERE seq IN (1, 5, 6, 7, 16, 31)');
    const gone = new Set([1, 5, 6, 7, 16, 31]);
    for (const [n, hit] of scene.hits.entries()) {
      if (gone.has(n + 1)) expect(() => findHit(scene.db, hit.id)).toThrow(/there is no hit/);
      else expect(findHit(scene.db, hit.id).hit).toEqual(hit);
    }
    expect(() => findHit(scene.db, 'zzz')).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('Corrections', () => {
  it('learns that a hit was somebody else, and who', () => {
    const { scene, ann, id, later, corrections } = mistaken();
    const { identity, added, removed } = corrections.assign(id, 'Beth');
    expect([identity?.name, added, removed]).toEqual(['Beth', 1, 0]);
    expect(findHit(scene.db, id)).toMatchObject({
      identityId: identity?.id,
      correction: 'wrong',
      hit: { identity: { name: 'Ann' } },
    });
    expect(later()?.identity?.name).toBe('Beth');
    expect(later(ann)?.identity?.name).toBe('Ann');
  });

  it('learns that a hit was not the one it names, without knowing who', () => {
    const { scene, ann, id, later, corrections } = mistaken();
    const { identity, stranger } = corrections.reject(id);
    expect([identity, stranger?.label]).toEqual([null, 'unknown #1']);
    expect(findHit(scene.db, id)).toMatchObject({ identityId: null, correction: 'wrong' });
    expect(later()).toMatchObject({ type: 'unknown', stranger });
    expect(later(ann)?.identity?.name).toBe('Ann');
    scene.sweep();
    scene.clock.pass(100 * HOUR_MS);
    scene.sweep();
    expect(later()?.stranger).toEqual(stranger);
  });

  it('takes back what was learnt from a hit that was said to be right', () => {
    const { scene, id, later, corrections } = mistaken();
    expect(corrections.assign(id, 'Ann')).toMatchObject({ added: 1, removed: 0 });
    expect(findHit(scene.db, id).correction).toBeNull();
    expect(later()?.identity?.name).toBe('Ann');
    expect(corrections.assign(id, 'Beth')).toMatchObject({ added: 1, removed: 1 });
    expect(scene.store.list()).toMatchObject([
      { name: 'Ann', templates: 1 },
      { name: 'Beth', templates: 1 },
    ]);
    expect(later()?.identity?.name).toBe('Beth');
  });

  it('takes a rejection back: whoever looked like it is told apart no longer', () => {
    const { scene, id, later, corrections } = mistaken();
    const { stranger } = corrections.reject(id);
    expect(later()?.stranger).toEqual(stranger);
    expect(corrections.assign(id, 'Ann')).toMatchObject({ identity: { name: 'Ann' }, added: 1 });
    expect(scene.db.prepare('SELECT COUNT(*) FROM strangers').pluck().get()).toBe(0);
    expect(later()?.identity?.name).toBe('Ann');
  });

  it('adds nothing that the gallery has already', () => {
    const { id, corrections } = mistaken();
    expect(corrections.assign(id, 'Beth').added).toBe(1);
    expect(corrections.assign(id, 'Beth').added).toBe(0);
  });

  it('names the stranger of a hit', () => {
    const { scene, later, corrections } = mistaken();
    const face = scene.stranger();
    const hit = later(face);
    expect(hit?.type).toBe('unknown');
    expect(corrections.assign(hit?.id ?? '', 'Cem')).toMatchObject({
      identity: { name: 'Cem' },
      added: 1,
    });
    expect(later(face)?.identity?.name).toBe('Cem');
  });

  it('says what is missing', () => {
    const { scene, later, corrections } = mistaken();
    const unknown = later(scene.stranger())?.id ?? '';
    expect(() => corrections.reject(unknown)).toThrow(/names nobody/);
    expect(() => corrections.assign('nothing', 'Ann')).toThrow(/there is no hit/);
    scene.db.exec('UPDATE hits SET evidence = NULL');
    expect(() => corrections.reject(scene.hits[0]?.id ?? '')).toThrow(/nothing is kept/);
  });
});
