import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { assign } from '../../src/tracking/assignment.js';
import { type TrackedFace, Tracker } from '../../src/tracking/tracker.js';

const config = configSchema.parse({}).tracking;
const face = (x: number, y: number, side = 60, quality = 0.6): TrackedFace => ({
  box: { x, y, width: side, height: side },
  quality,
});
const tracker = (): Tracker => new Tracker('door', 'b', config, 0.2);

describe('assign', () => {
  it('gives each track at most one detection, and each detection to at most one track', () => {
    const box = fc
      .tuple(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 400 }))
      .map(([x, y]) => ({ x, y, width: 50, height: 50 }));
    fc.assert(
      fc.property(fc.array(box, { maxLength: 12 }), fc.array(box, { maxLength: 12 }), (a, b) => {
        const seenOnce = [...a.keys()].filter((index) => index % 2 === 0);
        const given = assign(a, b, seenOnce).filter((index) => index >= 0);
        expect(new Set(given).size).toBe(given.length);
        for (const index of given) expect(index).toBeLessThan(b.length);
      }),
    );
  });
});

describe('Tracker', () => {
  it('confirms a face on its second sighting and asks for shots while nobody is named', () => {
    const t = tracker();
    expect(t.step([face(100, 100)], 0, 1000).shots).toEqual([]);
    expect(t.step([face(104, 100)], 100, 1100).shots).toEqual([{ trackId: 'b-1', face: 0 }]);
    expect(t.step([face(108, 100)], 300, 1300).shots).toEqual([{ trackId: 'b-1', face: 0 }]);
  });

  it('leaves a named track alone until it is due for a refresh', () => {
    const t = tracker();
    t.step([face(100, 100)], 0, 0);
    t.step([face(100, 100)], 100, 100);
    t.settle('b-1', true);
    const asked: number[] = [];
    for (let now = 200; now < 10_000; now += 200) {
      if (t.step([face(100, 100)], now, now).shots.length > 0) asked.push(now);
    }
    expect(asked).toEqual([3_200, 6_200, 9_200]);
  });

  it('looks anew at a face where a named one was gone: it may be somebody else', () => {
    const t = tracker();
    for (const now of [0, 100]) t.step([face(100, 100)], now, now);
    t.settle('b-1', true);
    for (const now of [200, 300]) t.step([], now, now);
    const { shots } = t.step([face(104, 100)], 400, 400);
    expect(shots).toEqual([{ trackId: 'b-1', face: 0 }]);
    expect(t.end()[0]).toMatchObject({ shots: 2, bestQuality: 0.6 });
  });

  it('leaves a named face alone that the detector missed once', () => {
    const t = tracker();
    for (const now of [0, 100]) t.step([face(100, 100)], now, now);
    t.settle('b-1', true);
    t.step([], 200, 200);
    expect(t.step([face(100, 100)], 400, 400).shots).toEqual([]);
  });

  it('never embeds a face that is too poor to judge', () => {
    const t = tracker();
    for (let now = 0; now < 5_000; now += 100) {
      expect(t.step([face(100, 100, 60, 0.1)], now, now).shots).toEqual([]);
    }
  });

  it('follows a face that moves faster than its own width a second', () => {
    const t = tracker();
    const ids = new Set<string>();
    for (let frame = 0; frame < 20; frame++) {
      const { shots } = t.step([face(frame * 40, 100)], frame * 100, frame * 100);
      for (const shot of shots) ids.add(shot.trackId);
    }
    expect([...ids]).toEqual(['b-1']);
  });

  it('follows a face that crosses at a run, from its second sighting on', () => {
    const t = tracker();
    const ids = new Set<string>();
    for (let frame = 0; frame < 8; frame++) {
      const { shots } = t.step([face(frame * 90, 100)], frame * 133, frame * 133);
      for (const shot of shots) ids.add(shot.trackId);
    }
    expect([...ids]).toEqual(['b-1']);
    expect(t.active).toBe(1);
  });

  it('makes no such leap where the face could be one of two', () => {
    const t = tracker();
    t.step([face(200, 100)], 0, 0);
    expect(t.step([face(110, 100), face(290, 100)], 100, 100).shots).toEqual([]);
    expect(t.active).toBe(3);
  });

  it('ends a track once, after it was not seen for lostAfterMs, with its last sighting', () => {
    const t = tracker();
    t.step([face(100, 100)], 0, 5_000);
    t.step([face(100, 100)], 100, 5_100);
    expect(t.step([], 1_500, 6_500).ended).toEqual([]);
    const [ended] = t.step([], 1_700, 6_700).ended;
    expect(ended).toMatchObject({ trackId: 'b-1', sightings: 2, lastSeenAtMs: 5_100, shots: 1 });
    expect(t.step([], 9_000, 14_000).ended).toEqual([]);
    expect(t.active).toBe(0);
  });

  it('says nothing of a track that was seen once only', () => {
    const t = tracker();
    t.step([face(100, 100)], 0, 0);
    expect(t.step([], 5_000, 5_000).ended).toEqual([]);
  });

  it('keeps two faces apart that pass each other', () => {
    const t = tracker();
    const seen = new Map<string, number[]>();
    for (let frame = 0; frame < 30; frame++) {
      // One walks right at the top, one left a little lower; in the middle their boxes overlap.
      const faces = [face(100 + frame * 15, 100), face(535 - frame * 15, 130)];
      for (const shot of t.step(faces, frame * 100, frame * 100).shots) {
        const rows = seen.get(shot.trackId) ?? [];
        seen.set(shot.trackId, [...rows, faces[shot.face]?.box.y ?? 0]);
      }
    }
    expect(seen.size).toBe(2);
    for (const rows of seen.values()) expect(new Set(rows).size).toBe(1);
  });

  it('keeps a face that the detector misses now and then', () => {
    const t = tracker();
    const ids = new Set<string>();
    for (let frame = 0; frame < 60; frame++) {
      const shown = frame < 2 || frame % 7 < 3 ? [face(100 + frame * 4, 100)] : [];
      const step = t.step(shown, frame * 100, frame * 100);
      for (const { trackId } of step.shots) ids.add(trackId);
      expect(step.ended).toEqual([]);
    }
    expect([...ids]).toEqual(['b-1']);
  });

  it('takes a face that comes back late for a new track', () => {
    const t = tracker();
    for (const now of [0, 100]) t.step([face(100, 100)], now, now);
    t.step([], 2_000, 2_000);
    t.step([face(100, 100)], 2_100, 2_100);
    expect(t.step([face(100, 100)], 2_200, 2_200).shots).toEqual([{ trackId: 'b-2', face: 0 }]);
  });

  it('gives up what was seen once after two looks, so that a still scene is still again', () => {
    const t = tracker();
    t.step([face(100, 100)], 0, 0);
    t.step([], 100, 100);
    expect(t.active).toBe(1);
    t.step([], 200, 200);
    expect(t.active).toBe(0);
  });

  it('makes room for new faces by giving up ghosts, never confirmed tracks', () => {
    const t = new Tracker('door', 'b', { ...config, maxTracks: 2 }, 0.2);
    t.step([face(0, 0)], 0, 0);
    t.step([face(0, 0), face(300, 0)], 100, 100);
    t.step([face(0, 0), face(500, 300)], 200, 200);
    const { shots } = t.step([face(0, 0), face(500, 300)], 330, 330);
    expect(shots.map(({ trackId }) => trackId)).toContain('b-3');
    t.step([face(0, 0), face(500, 300), face(300, 0)], 400, 400);
    expect(t.active).toBe(2);
  });

  it('is not confused by a clock that stands still or goes back', () => {
    const t = tracker();
    for (const now of [1_000, 1_100, 1_100, 500, 600, 700]) {
      expect(t.step([face(100, 100)], now, now).ended).toEqual([]);
    }
    expect(t.active).toBe(1);
  });

  it('spends no more than its budget on a stranger, but looks again at a better face', () => {
    const t = new Tracker('door', 'b', { ...config, refreshMs: 60_000 }, 0.2);
    let shots = 0;
    for (let now = 0; now < 10_000; now += 100) {
      shots += t.step([face(100, 100, 60, 0.4)], now, now).shots.length;
    }
    expect(shots).toBe(config.maxShots);
    expect(t.step([face(100, 100, 60, 0.42)], 10_000, 10_000).shots).toEqual([]);
    expect(t.step([face(100, 100, 60, 0.6)], 10_100, 10_100).shots).toHaveLength(1);
    expect(t.step([face(100, 100, 60, 0.61)], 10_300, 10_300).shots).toEqual([]);
  });

  it('ends every confirmed track exactly once when it is told to end', () => {
    const t = tracker();
    for (const now of [0, 100]) t.step([face(100, 100), face(400, 100)], now, now);
    t.step([face(100, 100), face(400, 100), face(250, 300)], 200, 200);
    expect(t.end().map(({ trackId }) => trackId)).toEqual(['b-1', 'b-2']);
    expect(t.end()).toEqual([]);
  });

  it('keeps its bounds and never uses an id again, whatever it is shown', () => {
    const frames = fc.array(
      fc.array(
        fc.tuple(
          fc.integer({ min: 0, max: 600 }),
          fc.integer({ min: 0, max: 400 }),
          fc.integer({ min: 20, max: 200 }),
        ),
        { maxLength: 50 },
      ),
      { maxLength: 25 },
    );
    fc.assert(
      fc.property(frames, fc.integer({ min: 10, max: 900 }), (shown, stepMs) => {
        const t = tracker();
        const ended = new Set<string>();
        for (const [index, boxes] of shown.entries()) {
          const step = t.step(
            boxes.map(([x, y, side]) => face(x, y, side)),
            index * stepMs,
            index * stepMs,
          );
          expect(t.active).toBeLessThanOrEqual(config.maxTracks);
          const used = step.shots.map((shot) => shot.face);
          expect(new Set(used).size).toBe(used.length);
          for (const { trackId } of step.shots) expect(ended.has(trackId)).toBe(false);
          for (const { trackId } of step.ended) {
            expect(ended.has(trackId)).toBe(false);
            ended.add(trackId);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
