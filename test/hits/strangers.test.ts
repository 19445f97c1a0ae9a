import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { StrangerAdmin } from '../../src/gallery/stranger-admin.js';
import { faceNear } from '../gallery/faces.js';
import { Scene } from './scene.js';

const HOUR_MS = 3_600_000;
const { gallery: config } = configSchema.parse({});

function opened() {
  const scene = Scene.open();
  return { scene, admin: new StrangerAdmin(scene.db, config) };
}

const rowsOf = (scene: Scene, sql: string) => scene.db.prepare(sql).all();

describe('strangers', () => {
  it('are listed with what is known of them', () => {
    const { scene, admin } = opened();
    const first = scene.stranger();
    const beganMs = scene.clock.nowMs();
    scene.visit(first, 'v1-1');
    scene.clock.pass(HOUR_MS);
    scene.visit(scene.stranger(), 'v1-2');
    scene.clock.pass(HOUR_MS);
    scene.visit(first, 'v1-3');
    expect(admin.list()).toMatchObject([
      {
        ...{ label: 'unknown #1', number: 1, sightings: 2, shots: 2, anchor: null },
        ...{ firstSeenAtMs: beganMs, lastSeenAtMs: scene.clock.nowMs() },
      },
      { label: 'unknown #2', sightings: 1 },
    ]);
    expect(admin.crop('2')).toEqual(Buffer.from([0xff, 0xd8, 4]));
    expect(() => admin.crop('3')).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('get a name with one word, are recognised from then on, and past hits bear it', () => {
    const { scene, admin } = opened();
    const face = scene.stranger();
    const hit = scene.visit(face, 'v1-1');
    const { identity, templates, hits } = admin.name('unknown #1', 'Dora');
    expect([identity.name, templates, hits]).toEqual(['Dora', 1, 1]);
    expect(rowsOf(scene, 'SELECT identity_id AS id, correction FROM hits')).toEqual([
      { id: identity.id, correction: 'named' },
    ]);
    expect(rowsOf(scene, 'SELECT * FROM strangers')).toEqual([]);
    expect(rowsOf(scene, 'SELECT source, crop FROM templates')).toEqual([
      { source: 'stranger 1', crop: Buffer.from([0xff, 0xd8, 4]) },
    ]);
    expect(scene.recognition.recentHits(1)).toEqual([hit]);
    scene.recognition.reloadGallery();
    scene.clock.pass(HOUR_MS);
    scene.visit(face, 'v1-2');
    expect(scene.names).toEqual(['?', 'Dora']);
  });

  it('never give their number to anybody else', () => {
    const { scene, admin } = opened();
    scene.visit(scene.stranger(), 'v1-1');
    admin.remove('1');
    scene.recognition.reloadGallery();
    expect(scene.visit(scene.stranger(), 'v1-2')?.stranger?.label).toBe('unknown #2');
  });

  it('become one when people say so', () => {
    const { scene, admin } = opened();
    const left = scene.stranger();
    const right = faceNear(left, 0.2, scene.random);
    for (const [face, track] of [
      [left, 'v1-1'],
      [right, 'v1-2'],
      [right, 'v1-3'],
    ] as const) {
      scene.visit(face, track);
      scene.clock.pass(2 * 60_000);
    }
    expect(scene.hits.map(({ stranger }) => stranger?.label)).toEqual([
      'unknown #1',
      'unknown #2',
      'unknown #2',
    ]);
    const kept = admin.merge('2', '1');
    expect(kept.label).toBe('unknown #1');
    expect(admin.list()).toMatchObject([{ number: 1, sightings: 3, shots: 3 }]);
    expect(rowsOf(scene, 'SELECT DISTINCT stranger_id AS id FROM hits')).toEqual([{ id: kept.id }]);
    scene.recognition.reloadGallery();
    expect(scene.visit(left, 'v1-4')?.stranger).toEqual(kept);
    scene.clock.pass(2 * 60_000);
    expect(scene.visit(right, 'v1-5')?.stranger).toEqual(kept);
    expect(() => admin.merge('1', '1')).toThrow(/one stranger already/);
  });

  it('are left alone when they are ignored, even if they look like somebody', () => {
    const { scene, admin } = opened();
    const ann = scene.enrol('Ann');
    const poster = scene.stranger();
    scene.visit(poster, 'v1-1');
    admin.ignore('1', true);
    scene.recognition.reloadGallery();
    scene.clock.pass(HOUR_MS);
    scene.recognition.expirePresence();
    expect(scene.see(poster, { track: 'v1-2' })).toEqual({
      ...{ hit: undefined, settled: true, presenceChanged: false },
    });
    const likeBoth = faceNear(poster, 0.6, scene.random);
    scene.enrol('Ben', faceNear(likeBoth, 0.5, scene.random));
    expect(scene.visit(likeBoth, 'v1-3', { likeness: 0.98 })).toBeUndefined();
    expect(scene.recognition.presenceAt('door')).toEqual({ people: [], unknown: 0 });
    expect(scene.visit(ann, 'v1-4')?.identity?.name).toBe('Ann');
    admin.ignore('1', false);
    scene.recognition.reloadGallery();
    scene.clock.pass(HOUR_MS);
    expect(scene.visit(poster, 'v1-5')?.stranger?.label).toBe('unknown #1');
  });

  it('are forgotten after their time, the oldest first when they are too many', () => {
    const { scene, admin } = opened();
    for (let n = 0; n < 4; n++) {
      scene.visit(scene.stranger(), `v1-${n}`);
      scene.clock.pass(HOUR_MS);
    }
    admin.ignore('1', true);
    scene.clock.pass(5.5 * HOUR_MS);
    scene.sweep();
    expect(admin.list().map(({ number }) => number)).toEqual([4, 3, 1]);
    const few = Scene.open({ retention: { maxUnknowns: 2 } });
    for (let n = 0; n < 4; n++) {
      few.visit(few.stranger(), `v1-${n}`);
      few.clock.pass(60_000);
    }
    few.sweep();
    expect(new StrangerAdmin(few.db, config).list().map(({ number }) => number)).toEqual([4, 3]);
    expect(rowsOf(few, 'SELECT COUNT(*) AS n FROM stranger_shots')).toEqual([{ n: 2 }]);
  });
});
