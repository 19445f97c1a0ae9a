import { describe, expect, it } from 'vitest';
import { faceNear } from '../gallery/faces.js';
import { Scene } from './scene.js';

const MINUTE_MS = 60_000;

describe('Recognition', () => {
  it('reports somebody once, on the second shot, with everything the contract has', () => {
    const scene = Scene.open();
    const ann = scene.enrol('Ann');
    scene.enrol('Bob');
    const look = faceNear(ann, 0.48, scene.random);
    expect(scene.see(look, { likeness: 0.97 })).toMatchObject({ hit: undefined, settled: false });
    scene.clock.pass(200);
    const { hit, settled, presenceChanged } = scene.see(look, { likeness: 0.97 });
    expect([settled, presenceChanged]).toEqual([true, true]);
    expect(hit).toMatchObject({
      ...{ schema: 1, type: 'recognised', camera: 'door', track: 'v1-1', shots: 2 },
      identity: { name: 'Ann' },
      time: new Date(scene.clock.nowMs()).toISOString(),
      ...{ quality: 0.8, threshold: 0.4, model: 'test-fp32' },
      latencyMs: { capture: 5, detect: 10, embed: 15, total: 0 },
    });
    for (let n = 0; n < 5; n++) scene.see(ann);
    expect(scene.names).toEqual(['Ann']);
    expect(scene.recognition.recentHits(9)).toEqual(scene.hits);
  });

  it('reports somebody again who came back after the cooldown, not before', () => {
    const scene = Scene.open();
    const ann = scene.enrol('Ann');
    scene.see(ann);
    for (const [track, afterMs] of [
      ['v1-2', 59_000],
      ['v1-3', 59_000],
      ['v1-4', 61_000],
    ] as const) {
      scene.leave('v1-1');
      scene.clock.pass(afterMs);
      scene.see(ann, { track });
    }
    expect(scene.hits.map(({ track }) => track)).toEqual(['v1-1', 'v1-4']);
  });

  it('reports somebody at each of two cameras that see them at once', () => {
    const scene = Scene.open();
    const ann = scene.enrol('Ann');
    for (let n = 0; n < 4; n++) {
      scene.see(ann, { camera: 'door', track: 'v1-1' });
      scene.see(ann, { camera: 'yard', track: 'v1-2' });
    }
    expect(scene.hits.map(({ camera }) => camera)).toEqual(['door', 'yard']);
    expect(scene.recognition.presenceAt('yard').people).toMatchObject([{ name: 'Ann' }]);
  });

  it('reports a stranger after three shots, under a label that stays', () => {
    const scene = Scene.open();
    scene.enrol('Ann');
    const first = scene.stranger();
    const second = scene.stranger();
    for (const [face, track] of [
      [first, 'v1-1'],
      [second, 'v1-2'],
      [first, 'v1-3'],
    ] as const) {
      for (let n = 0; n < 4; n++) scene.see(face, { track });
      scene.leave(track);
      scene.clock.pass(5 * MINUTE_MS);
    }
    expect(scene.hits.map(({ shots }) => shots)).toEqual([3, 3, 3]);
    expect(scene.hits.map(({ stranger }) => stranger?.label)).toEqual([
      'unknown #1',
      'unknown #2',
      'unknown #1',
    ]);
    expect(scene.hits[2]?.stranger?.id).toBe(scene.hits[0]?.stranger?.id);
  });

  it('reports no strangers, and keeps nothing of them, when it should not', () => {
    const scene = Scene.open({ hits: { unknowns: false } });
    for (let n = 0; n < 5; n++) scene.see(scene.stranger(), { track: 'v1-1', likeness: 0.99 });
    expect(scene.hits).toEqual([]);
    expect(scene.db.prepare('SELECT COUNT(*) AS n FROM strangers').get()).toEqual({ n: 0 });
  });

  it('never judges a face that is too poor or not live', () => {
    const scene = Scene.open({ liveness: { enabled: true, threshold: 0.5 } });
    const ann = scene.enrol('Ann');
    for (let n = 0; n < 9; n++) {
      expect(scene.see(ann, { quality: 0.1, liveness: 0.9 }).settled).toBe(false);
      expect(scene.see(ann, { liveness: 0.4 }).settled).toBe(false);
    }
    expect(scene.hits).toEqual([]);
    expect(scene.see(ann, { liveness: 0.6 }).hit?.liveness).toBe(0.6);
  });

  it('notices when somebody else takes over a track', () => {
    const scene = Scene.open();
    const ann = scene.enrol('Ann');
    const bob = scene.enrol('Bob');
    for (let n = 0; n < 3; n++) scene.see(ann);
    for (let n = 0; n < 3; n++) scene.see(bob);
    expect(scene.names).toEqual(['Ann', 'Bob']);
  });

  it('notices it also when they look somewhat alike, as every fifth pair does', () => {
    const scene = Scene.open();
    const ann = scene.enrol('Ann');
    const bob = scene.enrol('Bob', faceNear(ann, 0.25, scene.random));
    for (let n = 0; n < 3; n++) scene.see(ann, { likeness: 0.95 });
    for (let n = 0; n < 3; n++) scene.see(bob, { likeness: 0.95 });
    expect(scene.names).toEqual(['Ann', 'Bob']);
  });

  it('does not report a named track as unknown when it is seen worse', () => {
    const scene = Scene.open();
    const ann = scene.enrol('Ann');
    scene.see(ann, { quality: 0.3, likeness: 0.99 });
    expect(scene.names).toEqual(['Ann']);
    const fromTheSide = faceNear(ann, 0.35, scene.random);
    for (let n = 0; n < 9; n++) scene.see(fromTheSide, { quality: 0.9, likeness: 0.97 });
    expect(scene.names).toEqual(['Ann']);
  });

  it('empties presence by itself, and turns an unknown into a name', () => {
    const scene = Scene.open();
    const ann = scene.enrol('Ann');
    const fromTheSide = faceNear(ann, 0.37, scene.random);
    for (let n = 0; n < 4; n++) scene.see(fromTheSide);
    expect(scene.recognition.presenceAt('door')).toEqual({ people: [], unknown: 1 });
    for (let n = 0; n < 6; n++) scene.see(ann, { likeness: 0.95, quality: 0.99 });
    expect(scene.recognition.presenceAt('door')).toMatchObject({
      people: [{ name: 'Ann' }],
      unknown: 0,
    });
    scene.clock.pass(29_999);
    expect(scene.recognition.expirePresence()).toEqual([]);
    scene.clock.pass(1);
    expect(scene.recognition.expirePresence()).toEqual(['door']);
    expect(scene.recognition.presenceAt('door')).toEqual({ people: [], unknown: 0 });
  });

  it('tries again with the next shot when a hit cannot be written', () => {
    const scene = Scene.open();
    const ann = scene.enrol('Ann');
    const nobody = scene.stranger();
    scene.db.exec("CREATE TRIGGER no BEFORE INSERT ON hits BEGIN SELECT RAISE(ABORT, 'full'); END");
    const store = expect.objectContaining({ code: 'STORE' });
    expect(() => scene.see(ann)).toThrow(store);
    for (let n = 0; n < 2; n++) scene.see(nobody, { track: 'v1-2' });
    expect(() => scene.see(nobody, { track: 'v1-2' })).toThrow(store);
    scene.db.exec('DROP TRIGGER no');
    scene.see(ann);
    scene.see(nobody, { track: 'v1-2' });
    expect(scene.names).toEqual(['Ann', '?']);
    expect(scene.hits[1]?.stranger?.label).toBe('unknown #1');
  });

  it('does not report anew after a restart who was reported just before', () => {
    const scene = Scene.open();
    const ann = scene.enrol('Ann');
    const bob = scene.enrol('Bob');
    scene.see(ann);
    scene.clock.pass(40_000);
    scene.see(bob, { track: 'v1-2' });
    scene.clock.pass(30_000);
    scene.clock.monotonicMs = 500;
    scene.restart();
    scene.see(bob, { track: 'v2-1' });
    scene.see(ann, { track: 'v2-2' });
    expect(scene.names).toEqual(['Ann', 'Bob', 'Ann']);
  });

  it('keeps the time of each of several files that are played fast', () => {
    const scene = Scene.open({ hits: { presenceWindowMs: 10_000 } }, { fast: true });
    const ann = scene.enrol('Ann');
    const bob = scene.enrol('Bob');
    const startMs = scene.clock.wallMs;
    const visit = (passedMs: number, face: typeof ann, camera: string, track: string): void => {
      scene.clock.wallMs = startMs + passedMs;
      scene.visit(face, track, { camera });
      scene.recognition.expirePresence();
    };
    for (let n = 0; n < 6; n++) {
      visit(n * 4_000, bob, 'film', `v1-film-${n}`);
      visit(n * 100_000, ann, 'folder', `v1-folder-${n}`);
      expect(scene.recognition.presenceAt('film').people).toMatchObject([{ name: 'Bob' }]);
    }
    expect(scene.names.filter((name) => name === 'Bob')).toHaveLength(1);
    expect(scene.names.filter((name) => name === 'Ann')).toHaveLength(6);
  });

  it('goes by the time of the pictures when a file is played fast', () => {
    const scene = Scene.open({}, { fast: true });
    const ann = scene.enrol('Ann');
    for (const track of ['v1-1', 'v1-2', 'v1-3']) {
      scene.see(ann, { track });
      scene.clock.wallMs += 50_000;
    }
    scene.clock.wallMs += 11_000;
    scene.see(ann, { track: 'v1-4' });
    expect(scene.hits.map(({ track }) => track)).toEqual(['v1-1', 'v1-4']);
    const { match = 0, total = 0 } = scene.hits[0]?.latencyMs ?? {};
    expect(total - match).toBeCloseTo(30, 0);
    scene.clock.wallMs += 31_000;
    scene.see(scene.stranger(), { track: 'v1-5' });
    expect(scene.recognition.expirePresence()).toEqual(['door']);
  });

  it('follows the gallery: new people, removed people, new names', () => {
    const scene = Scene.open();
    const ann = scene.stranger();
    for (let n = 0; n < 3; n++) scene.see(ann);
    scene.enrol('Ann', ann);
    scene.see(ann);
    scene.store.rename('Ann', 'Anna');
    expect(scene.recognition.reloadGallery()).toEqual(['door']);
    expect(scene.recognition.presenceAt('door').people).toMatchObject([{ name: 'Anna' }]);
    scene.clock.pass(2 * MINUTE_MS);
    scene.see(ann, { track: 'v1-2' });
    scene.store.remove('Anna');
    expect(scene.recognition.reloadGallery()).toEqual(['door']);
    expect(scene.recognition.presenceAt('door').people).toEqual([]);
    scene.clock.pass(2 * MINUTE_MS);
    for (let n = 0; n < 3; n++) scene.see(ann, { track: 'v1-2' });
    expect(scene.names).toEqual(['?', 'Ann', 'Anna', '?']);
  });

  it('asks more of two people who look alike, and does not mix them up', () => {
    const scene = Scene.open();
    const ann = scene.enrol('Ann');
    const twin = faceNear(ann, 0.7, scene.random);
    scene.enrol('Beth', twin);
    const inTheDark = faceNear(ann, 0.7, scene.random);
    for (let n = 0; n < 4; n++) scene.see(inTheDark);
    expect(scene.names).toEqual([]);
    for (let n = 0; n < 4; n++) scene.see(ann, { track: 'v1-2', likeness: 0.97 });
    for (let n = 0; n < 4; n++) scene.see(twin, { track: 'v1-3', likeness: 0.97 });
    expect(scene.names).toEqual(['Ann', 'Beth']);
    expect(scene.hits[0]?.threshold).toBeCloseTo(0.8, 2);
  });

  it('forgets tracks whose end nobody told', () => {
    const scene = Scene.open({ hits: { cooldownMs: 0 } });
    const ann = scene.enrol('Ann');
    scene.see(ann);
    scene.clock.pass(10 * MINUTE_MS + 1);
    scene.recognition.expirePresence();
    scene.see(ann);
    expect(scene.names).toEqual(['Ann', 'Ann']);
  });
});
