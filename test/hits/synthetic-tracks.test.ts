import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Template } from '../../src/domain/records.js';
import { faceNear } from '../gallery/faces.js';
import { Scene } from './scene.js';

const COOLDOWN_MS = 60_000;
const CAMERAS = ['door', 'yard'] as const;
const PEOPLE = ['Ann', 'Bob', 'Cem'] as const;

/** One appearance of somebody: a track with some shots, of which some are poor. */
const appearance = fc.record({
  who: fc.constantFrom(...PEOPLE, 'stranger 1', 'stranger 2'),
  camera: fc.constantFrom(...CAMERAS),
  shots: fc.array(
    fc.record({
      quality: fc.double({ min: 0.05, max: 1, noNaN: true }),
      likeness: fc.double({ min: 0.2, max: 0.95, noNaN: true }),
      gapMs: fc.integer({ min: 40, max: 3_000 }),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  pauseMs: fc.integer({ min: 0, max: 90_000 }),
  /** What the wall clock does meanwhile: a Pi that finds the time, or loses it. */
  jumpMs: fc.constantFrom(0, 0, 0, 3_600_000, -3_600_000, 31_536_000_000, -31_536_000_000),
  restart: fc.constantFrom(false, false, false, false, true),
});

type Appearance = typeof appearance extends fc.Arbitrary<infer T> ? T : never;

interface Reported {
  readonly key: string;
  readonly track: string;
  readonly atMs: number;
}

function play(appearances: readonly Appearance[]) {
  const scene = Scene.open({ hits: { cooldownMs: COOLDOWN_MS } });
  const faces = new Map<string, Template>();
  for (const name of PEOPLE) faces.set(name, scene.enrol(name));
  for (const name of ['stranger 1', 'stranger 2']) faces.set(name, scene.stranger());
  const reported: Reported[] = [];
  const wrong: string[] = [];
  let restartedAtMs = Number.NEGATIVE_INFINITY;
  let jumped = false;
  for (const [number, { who, camera, shots, pauseMs, jumpMs, restart }] of appearances.entries()) {
    const track = `v1-${number}`;
    for (const { quality, likeness, gapMs } of shots) {
      scene.clock.pass(gapMs);
      const face = faces.get(who) as Template;
      const { hit } = scene.see(face, { camera, track, quality, likeness });
      if (hit === undefined) continue;
      const key = `${camera} ${hit.identity?.id ?? hit.stranger?.id}`;
      reported.push({ key, track, atMs: scene.clock.monotonicMs });
      const name = hit.identity?.name;
      if (name !== undefined && name !== who) wrong.push(`${name} for ${who}`);
      if (quality < 0.2) wrong.push(`${who} by a poor shot`);
    }
    scene.leave(track, camera);
    scene.clock.pass(pauseMs);
    scene.clock.wallMs += jumpMs;
    jumped ||= jumpMs !== 0;
    if (restart) {
      scene.restart();
      restartedAtMs = scene.clock.monotonicMs;
    }
  }
  return { scene, reported, wrong, restartedAtMs, jumped };
}

describe('Recognition on synthetic tracks', { timeout: 120_000 }, () => {
  it('gives no wrong name, one hit a track and key, and holds cooldowns over any clock', () => {
    fc.assert(
      fc.property(fc.array(appearance, { minLength: 1, maxLength: 14 }), (all) => {
        const { scene, reported, wrong, restartedAtMs, jumped } = play(all);
        expect(wrong).toEqual([]);
        const once = new Set(reported.map(({ key, track }) => `${key} ${track}`));
        expect(once.size).toBe(reported.length);
        for (const [n, { key, atMs }] of reported.entries()) {
          const before = reported.slice(0, n).findLast((other) => other.key === key);
          if (before === undefined) continue;
          // After a restart the wall clock is all there is: it holds unless it jumped.
          if (jumped && before.atMs < restartedAtMs) continue;
          expect(atMs - before.atMs).toBeGreaterThanOrEqual(COOLDOWN_MS);
        }
        const ids = scene.hits.map(({ id }) => id);
        expect(ids).toEqual([...new Set(ids)].sort());
        const stored = scene.db.prepare('SELECT id FROM hits ORDER BY seq').pluck().all();
        const waiting = scene.db.prepare('SELECT hit_id FROM outbox ORDER BY seq').pluck().all();
        expect(stored).toEqual(ids);
        expect(waiting).toEqual(ids);
      }),
      { numRuns: 120 },
    );
  });

  it('reports whoever is seen well for long enough, flicker or not', () => {
    const flicker = fc.array(
      fc.record({
        good: fc.boolean(),
        track: fc.integer({ min: 1, max: 3 }),
      }),
      { minLength: 4, maxLength: 30 },
    );
    fc.assert(
      fc.property(flicker, (shots) => {
        const scene = Scene.open();
        const ann = scene.enrol('Ann');
        const good = new Map<number, number>();
        for (const shot of shots) {
          scene.clock.pass(300);
          const quality = shot.good ? 0.8 : 0.1;
          scene.see(ann, { track: `v1-${shot.track}`, quality, likeness: 0.8 });
          if (shot.good) good.set(shot.track, (good.get(shot.track) ?? 0) + 1);
        }
        const seenTwice = [...good.values()].some((count) => count >= 2);
        if (seenTwice) expect(scene.names).toEqual(['Ann']);
        expect(scene.hits.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 60 },
    );
  });

  it('never gives one of two similar people the name of the other', () => {
    const pair = fc.record({
      similarity: fc.double({ min: 0.3, max: 0.92, noNaN: true }),
      likeness: fc.double({ min: 0.3, max: 0.98, noNaN: true }),
      seed: fc.integer({ min: 1, max: 10_000 }),
      first: fc.boolean(),
    });
    fc.assert(
      fc.property(pair, ({ similarity, likeness, seed, first }) => {
        const scene = Scene.open({}, { seed });
        const ann = scene.enrol('Ann');
        const beth = scene.enrol('Beth', faceNear(ann, similarity, scene.random));
        const look = faceNear(first ? ann : beth, likeness, scene.random);
        for (let n = 0; n < 6; n++) scene.see(look, { likeness: 0.9 });
        expect(scene.names).not.toContain(first ? 'Beth' : 'Ann');
        const named = scene.names.filter((name) => name !== '?');
        expect(named.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 150 },
    );
  });

  it('gives strangers numbers that do not flip', () => {
    const visits = fc.array(
      fc.record({
        who: fc.nat(3),
        likeness: fc.double({ min: 0.75, max: 0.95, noNaN: true }),
        pauseMs: fc.integer({ min: 60_001, max: 1_200_000 }),
      }),
      { minLength: 2, maxLength: 16 },
    );
    fc.assert(
      fc.property(visits, (all) => {
        const scene = Scene.open();
        const faces = [0, 1, 2, 3].map(() => scene.stranger());
        const labels = new Map<number, Set<string>>();
        for (const [n, { who, likeness, pauseMs }] of all.entries()) {
          for (let shot = 0; shot < 4; shot++) {
            const { hit } = scene.see(faces[who] as Template, { track: `v1-${n}`, likeness });
            const known = labels.get(who) ?? new Set();
            if (hit?.stranger !== undefined) labels.set(who, known.add(hit.stranger.label));
          }
          scene.clock.pass(pauseMs);
        }
        const given = [...labels.values()];
        expect(given.every((own) => own.size === 1)).toBe(true);
        expect(new Set(given.flatMap((own) => [...own])).size).toBe(given.length);
      }),
      { numRuns: 60 },
    );
  });
});
