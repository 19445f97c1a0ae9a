import { describe, expect, it, vi } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { Gallery } from '../../src/gallery/gallery.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { LookAlikes } from '../../src/gallery/look-alikes.js';
import { memoryDatabase } from '../daemon/state-folder.js';
import { faceNear, randomFace, seededRandom } from './faces.js';

const FAMILY = 'test';

function opened(config = configSchema.parse({})) {
  const db = memoryDatabase();
  const store = new IdentityStore(db);
  const random = seededRandom(7);
  const enrol = (name: string, vector = randomFace(random)) => {
    const { id } = store.ensure(name);
    const rest = { family: FAMILY, build: 'b', quality: 0.8, source: 'test' };
    return { id, vector, template: store.addTemplate(id, { ...rest, vector }) };
  };
  const gallery = () => new Gallery({ db, config, family: FAMILY, threshold: 0.4 });
  return { db, store, random, enrol, gallery };
}

describe('Gallery', () => {
  it('takes over additions, removals and new names, and nothing of other families', () => {
    const { store, enrol, random, gallery: open } = opened();
    const ann = enrol('Ann');
    const bob = enrol('Bob');
    const gallery = open();
    expect(gallery.search(bob.vector, 1)[0]?.identity.name).toBe('Bob');
    const cem = enrol('Cem');
    store.addTemplate(cem.id, {
      ...{ family: 'other', build: 'b', quality: 1, source: 'test' },
      vector: randomFace(random, 512),
    });
    store.remove('Bob');
    store.rename('Ann', 'Anna');
    gallery.reload();
    expect(gallery.size).toBe(2);
    expect(gallery.find(bob.id)).toBeUndefined();
    expect(gallery.find(ann.id)?.name).toBe('Anna');
    expect(gallery.search(cem.vector, 1)[0]?.identity.name).toBe('Cem');
    expect(gallery.search(ann.vector, 1)[0]?.identity.name).toBe('Anna');
    expect(
      gallery
        .search(bob.vector, 9)
        .map(({ identity }) => identity.name)
        .sort(),
    ).toEqual(['Anna', 'Cem']);
  });

  it('raises the threshold of two who look alike, until one of them is gone', () => {
    const { store, enrol, random, gallery: open } = opened();
    const ann = enrol('Ann');
    const beth = enrol('Beth', faceNear(ann.vector, 0.6, random));
    const cem = enrol('Cem');
    const gallery = open();
    expect(gallery.thresholdOf(ann.id)).toBeCloseTo(0.7, 4);
    expect(gallery.thresholdOf(beth.id)).toBeCloseTo(0.7, 4);
    expect(gallery.thresholdOf(cem.id)).toBe(0.4);
    expect(gallery.thresholdOf(null)).toBe(0.4);
    store.remove('Beth');
    gallery.reload();
    expect(gallery.thresholdOf(ann.id)).toBe(0.4);
  });

  it('finds out anew how alike two are when the photo that made them so is removed', () => {
    const { db, store, enrol, random, gallery: open } = opened();
    const ann = enrol('Ann');
    const wrong = enrol('Beth', faceNear(ann.vector, 0.8, random));
    enrol('Beth', faceNear(ann.vector, 0.45, random));
    const gallery = open();
    expect(gallery.thresholdOf(ann.id)).toBeCloseTo(0.9, 4);
    store.removeTemplate(wrong.template);
    gallery.reload();
    expect(gallery.thresholdOf(ann.id)).toBeCloseTo(0.55, 4);
    expect(new LookAlikes(db, FAMILY).list(0)).toMatchObject([
      { similarity: expect.closeTo(0.45, 4) },
    ]);
  });

  it('works when look-alikes cannot be written down, and catches up later', () => {
    const { db, enrol, random } = opened();
    const config = configSchema.parse({});
    const onProblem = vi.fn();
    const ann = enrol('Ann');
    const trigger = "BEFORE UPDATE ON templates BEGIN SELECT RAISE(ABORT, 'full'); END";
    db.exec(`CREATE TRIGGER no ${trigger}`);
    const gallery = new Gallery({ db, config, family: FAMILY, threshold: 0.4, onProblem });
    expect(gallery.search(ann.vector, 1)[0]?.identity.name).toBe('Ann');
    gallery.compareNew();
    expect(onProblem).toHaveBeenCalledTimes(1);
    db.exec('DROP TRIGGER no');
    enrol('Beth', faceNear(ann.vector, 0.6, random));
    gallery.reload();
    expect(gallery.thresholdOf(ann.id)).toBeCloseTo(0.7, 4);
  });

  it('uses the calibrated threshold, unless the user asks for one', () => {
    const { db, gallery: open } = opened();
    const calibration = {
      ...{ threshold: 0.47, far: 0.001, basis: 'gallery' },
      ...{ comparisons: 9, identities: 9, calibratedAtMs: 1 },
    };
    db.prepare('INSERT INTO settings VALUES (?, ?)').run(
      `calibration:${FAMILY}`,
      JSON.stringify(calibration),
    );
    expect(open().thresholdOf(null)).toBe(0.47);
    const config = configSchema.parse({ recogniser: { threshold: 0.6 } });
    expect(new Gallery({ db, config, family: FAMILY, threshold: 0.4 }).thresholdOf(null)).toBe(0.6);
  });

  it('searches ignored strangers beside the people', () => {
    const { db, enrol, random, gallery: open } = opened();
    const ann = enrol('Ann');
    const poster = faceNear(ann.vector, 0.5, random);
    const blob = Buffer.from(poster.buffer);
    db.prepare("INSERT INTO strangers VALUES ('s', 4, ?, ?, 1, 0, 0, 'ignored')").run(FAMILY, blob);
    db.prepare(
      "INSERT INTO stranger_shots (stranger_id, build, vector, quality, seen_at_ms) VALUES ('s', 'b', ?, 1, 0)",
    ).run(blob);
    const gallery = open();
    const [nearest] = gallery.search(poster, 1);
    expect(nearest?.identity.name).toBe('unknown #4');
    expect(gallery.anchorOf(nearest?.identity ?? { id: '', name: '' })).toBe('ignored');
    expect(gallery.anchorOf({ id: ann.id, name: 'Ann' })).toBeUndefined();
    expect(gallery.thresholdOf(ann.id)).toBe(0.4);
    db.exec('DELETE FROM strangers');
    gallery.reload();
    expect(gallery.search(poster, 1)[0]?.identity.name).toBe('Ann');
  });
});
