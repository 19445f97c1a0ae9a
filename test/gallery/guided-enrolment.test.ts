import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConfigInput, configSchema } from '../../src/config/schema.js';
import type { Landmarks, Quality, Template } from '../../src/domain/records.js';
import { Enrolment } from '../../src/gallery/enrolment.js';
import { type Guidance, GuidedEnrolment, turnOf } from '../../src/gallery/guided-enrolment.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { enrolLive, type LiveEnrolmentOptions } from '../../src/gallery/live-enrolment.js';
import type { AnalysedFace } from '../../src/vision/messages.js';
import { memoryDatabase } from '../daemon/state-folder.js';
import { faceNear, randomFace, seededRandom } from './faces.js';

const frame = { width: 640, height: 480 };
const random = seededRandom(5);
const ann = randomFace(random, 192);

/** Eyes 40 pixels apart; the nose stands `turn` of that to the right of the middle. */
const landmarksAt = (turn: number): Landmarks => [
  { x: 300, y: 200 },
  { x: 340, y: 200 },
  { x: 320 + 40 * turn, y: 222 },
  { x: 305, y: 245 },
  { x: 335, y: 245 },
];

function face(
  turn = 0,
  quality: Partial<Quality> = {},
  more: Partial<AnalysedFace> = {},
): AnalysedFace {
  return {
    box: { x: 270, y: 160, width: 100, height: 120 },
    score: 0.99,
    landmarks: landmarksAt(turn),
    quality: {
      ...{ value: 0.7, interocularPx: 40, sharpness: 0.6, frontality: 0.8, luma: 120 },
      ...quality,
    },
    template: faceNear(ann, 0.9, random),
    crop: new Uint8Array([1]),
    ...more,
  };
}

const open = (config: ConfigInput = {}) => new GuidedEnrolment(configSchema.parse(config));

function adviceOn(guide: GuidedEnrolment, ...faces: AnalysedFace[]): string {
  const guidance = guide.look(faces, frame);
  return guidance.kind === 'advice' ? guidance.text : guidance.kind;
}

/** Looks until the pose is done. */
function show(guide: GuidedEnrolment, one: AnalysedFace): Guidance {
  let last = guide.look([one], frame);
  while (last.kind === 'hold') last = guide.look([one], frame);
  return last;
}

describe('turnOf', () => {
  it('is above zero to the left of the person, whatever the tilt of the head', () => {
    expect(turnOf(landmarksAt(0))).toBeCloseTo(0);
    expect(turnOf(landmarksAt(0.2))).toBeCloseTo(0.2);
    const tilted = landmarksAt(0.2).map(({ x, y }) => ({ x: x - y * 0.3, y: y + x * 0.3 }));
    expect(turnOf(tilted as unknown as Landmarks)).toBeGreaterThan(0.1);
  });
});

describe('GuidedEnrolment', () => {
  it('takes straight, left and right, each after three good looks', () => {
    const guide = open();
    const poses: unknown[] = [];
    for (const turn of [0, 0.2, -0.2]) {
      expect(guide.look([face(turn)], frame)).toMatchObject({ kind: 'hold', seen: 1, needed: 3 });
      poses.push(show(guide, face(turn)));
    }
    expect(poses).toMatchObject([
      { kind: 'shot', pose: 'straight' },
      { kind: 'shot', pose: 'left' },
      { kind: 'shot', pose: 'right' },
    ]);
    expect(guide.pose).toBeNull();
  });

  it('takes the best of the three', () => {
    const guide = open();
    guide.look([face(0, { value: 0.5 })], frame);
    guide.look([face(0, { value: 0.9 })], frame);
    const shot = guide.look([face(0, { value: 0.6 })], frame);
    expect(shot.kind === 'shot' && shot.face.quality.value).toBe(0.9);
  });

  it.each<[string, AnalysedFace[], RegExp]>([
    ['nobody', [], /nobody is seen/],
    ['two people', [face(), face()], /2 faces are seen/],
    ['far away', [face(0, { interocularPx: 9 })], /too small: come closer/],
    ['dark', [face(0, { luma: 20 })], /too dark/],
    ['bright', [face(0, { luma: 250 })], /too bright/],
    ['blurred', [face(0, { sharpness: 0.05 })], /blurred: hold still/],
    ['turned away', [face(0.3)], /look straight/],
    ['looking down', [face(0, { frontality: 0.1 })], /look straight/],
    ['poor', [face(0, { value: 0.1 })], /too poorly/],
    [
      'cut off',
      [face(0, {}, { landmarks: landmarksAt(0).map(({ x, y }) => ({ x, y: y - 240 })) as never })],
      /cut off/,
    ],
  ])('says what is wrong: %s', (_what, faces, advice) => {
    expect(adviceOn(open(), ...faces)).toMatch(advice);
  });

  it('minds a passer-by in the background no more than a picture on the wall', () => {
    const small = { box: { x: 1, y: 1, width: 20, height: 20 } };
    expect(adviceOn(open(), face(0, {}, small), face())).toBe('hold');
  });

  it('asks for the side that is wanted, and not too far', () => {
    const guide = open();
    show(guide, face());
    expect(adviceOn(guide, face())).toMatch(/to your left/);
    expect(adviceOn(guide, face(-0.2))).toMatch(/to your left/);
    expect(adviceOn(guide, face(0.4, { frontality: 0.1 }))).toMatch(/less far/);
    expect(adviceOn(guide, face(0.2))).toBe('hold');
  });

  it('begins the three looks anew after a bad one', () => {
    const guide = open();
    for (const one of [face(), face(), face(0, { sharpness: 0.01 }), face(), face()]) {
      expect(guide.look([one], frame).kind).not.toBe('shot');
    }
    expect(guide.look([face()], frame).kind).toBe('shot');
  });

  it('notices that somebody else sat down', () => {
    const guide = open();
    show(guide, face());
    const other = face(0.2, {}, { template: randomFace(random, 192) });
    expect(adviceOn(guide, other)).toMatch(/somebody else/);
  });

  it('refuses a picture of a face where liveness is judged', () => {
    const config = { liveness: { enabled: true, threshold: 0.5 } };
    expect(adviceOn(open(config), face(0, {}, { liveness: 0.2 }))).toMatch(/picture of a face/);
    expect(adviceOn(open(config), face(0, {}, { liveness: 0.8 }))).toBe('hold');
    expect(adviceOn(open(), face(0, {}, { liveness: 0.2 }))).toBe('hold');
  });

  it('never takes a shot of a face that enrolment would call unusable', () => {
    const { quality: limits } = configSchema.parse({});
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(part, part, part, fc.double({ min: -0.5, max: 0.5, noNaN: true }), (...given) => {
        const [value, sharpness, frontality, turn] = given;
        const one = face(turn, { value, sharpness, frontality });
        const guidance = open().look([one], frame);
        const usable =
          value >= limits.minValue &&
          sharpness >= limits.minSharpness &&
          frontality >= limits.minFrontality;
        expect(guidance.kind === 'advice' || usable).toBe(true);
      }),
    );
  });
});

describe('enrolLive', () => {
  function live(looks: (n: number) => AnalysedFace[], own: Partial<LiveEnrolmentOptions> = {}) {
    const config = configSchema.parse({});
    const store = new IdentityStore(memoryDatabase());
    const said: string[] = [];
    let n = 0;
    const result = enrolLive({
      name: 'Ann',
      guide: new GuidedEnrolment(config),
      enrolment: new Enrolment(store, config),
      origin: { family: 'test', build: 'test-fp32', source: 'camera door' },
      look: async () => ({ ok: true, frame, faces: looks(n++) }),
      onStep: ({ text }) => said.push(text),
      signal: new AbortController().signal,
      patienceMs: { straight: 20, left: 20, right: 20 },
      pauseMs: 0,
      monoMs: () => n,
      ...own,
    });
    return { result, store, said };
  }

  it('enrols every pose that was shown, and tells each thing once', async () => {
    const turns = [0, 0, 0, 0.2, 0.2, 0.2, -0.2, -0.2, -0.2];
    const { result, store, said } = live((n) => [face(turns[n])]);
    expect(await result).toMatchObject({
      kind: 'enrolled',
      identity: { name: 'Ann' },
      poses: [
        { pose: 'straight', kind: 'enrolled' },
        { pose: 'left', kind: 'enrolled' },
        { pose: 'right', kind: 'enrolled' },
      ],
    });
    expect(store.list()).toMatchObject([{ name: 'Ann', templates: 3 }]);
    const once = ['good: hold still', 'thank you'];
    expect(said).toEqual([...once, ...once, ...once]);
  });

  it('goes on without a side that is not shown', async () => {
    const { result } = live(() => [face()]);
    expect((await result).poses).toMatchObject([
      { kind: 'enrolled' },
      { pose: 'left', kind: 'skipped' },
      { pose: 'right', kind: 'skipped' },
    ]);
  });

  it('enrols nobody when nobody usable comes', async () => {
    const { result, store } = live(() => [face(), face()]);
    await expect(result).rejects.toThrow(/nobody was enrolled: 2 faces are seen/);
    expect(store.list()).toEqual([]);
  });

  it('writes nothing when it is stopped in the middle', async () => {
    const stop = new AbortController();
    const looks = (n: number): AnalysedFace[] => {
      if (n === 4) stop.abort();
      return [face(n < 3 ? 0 : 0.2)];
    };
    const { result, store } = live(looks, { signal: stop.signal });
    await expect(result).rejects.toThrow(/stopped/);
    expect(store.list()).toEqual([]);
  });

  it('refuses the face of somebody who has another name already', async () => {
    const bob: Template = randomFace(random, 192);
    const { result, store } = live(() => [face(0, {}, { template: bob })]);
    const { id } = store.ensure('Bob');
    store.addTemplate(id, {
      ...{ family: 'test', build: 'test-fp32', vector: bob, quality: 0.9, source: 'bob.jpg' },
    });
    await expect(result).rejects.toThrow(/the face is refused: the photo is that of Bob/);
    expect(store.list().map(({ name }) => name)).toEqual(['Bob']);
  });

  it('passes on what is wrong with the camera', async () => {
    const { result } = live(() => [], { look: async () => ({ ok: false, error: 'unplugged' }) });
    await expect(result).rejects.toMatchObject({ code: 'CAMERA', message: 'unplugged' });
  });
});
