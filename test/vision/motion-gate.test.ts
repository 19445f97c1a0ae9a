import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { IgnoredAreas } from '../../src/vision/ignored-areas.js';
import { MotionGate } from '../../src/vision/motion-gate.js';

const WIDTH = 640;
const HEIGHT = 480;
const { threshold } = configSchema.parse({}).motion;

/** A room with some structure; `noise` is the sensor's, `brightness` the light's. */
function scene(options: { noise?: number; brightness?: number; seed?: number } = {}): Uint8Array {
  const { noise = 0, brightness = 0 } = options;
  let state = options.seed ?? 1;
  const luma = new Uint8Array(WIDTH * HEIGHT);
  for (let at = 0; at < luma.length; at++) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    const wall = 90 + ((at % WIDTH) >> 3) + brightness;
    luma[at] = wall + ((state >> 16) % (2 * noise + 1)) - noise;
  }
  return luma;
}

function withFace(luma: Uint8Array, x: number, y: number, sidePx: number): Uint8Array {
  const picture = luma.slice();
  for (let row = y; row < y + sidePx; row++) {
    picture.fill(220, row * WIDTH + x, row * WIDTH + x + sidePx);
  }
  return picture;
}

function settled(): MotionGate {
  const gate = new MotionGate();
  gate.changedShare(scene(), WIDTH, HEIGHT);
  return gate;
}

describe('MotionGate', () => {
  it('takes the first frame for a change, and the same again for none', () => {
    const gate = new MotionGate();
    expect(gate.changedShare(scene(), WIDTH, HEIGHT)).toBe(1);
    expect(gate.changedShare(scene(), WIDTH, HEIGHT)).toBe(0);
  });

  it('is not woken by the noise of a sensor', () => {
    const gate = settled();
    for (let seed = 1; seed <= 20; seed++) {
      const share = gate.changedShare(scene({ noise: 8, seed }), WIDTH, HEIGHT);
      expect(share).toBeLessThan(threshold);
    }
  });

  it('is woken by a face of the smallest size that is looked for, wherever it comes in', () => {
    for (const x of [0, 13, 301, WIDTH - 41]) {
      const share = settled().changedShare(withFace(scene(), x, 200, 40), WIDTH, HEIGHT);
      expect(share).toBeGreaterThan(threshold);
    }
  });

  it('follows a light that changes slowly, but not one that is switched on', () => {
    const gate = settled();
    for (let frame = 0; frame < 200; frame++) {
      const share = gate.changedShare(scene({ brightness: frame * 0.2 }), WIDTH, HEIGHT);
      expect(share).toBeLessThan(threshold);
    }
    expect(gate.changedShare(scene({ brightness: 100 }), WIDTH, HEIGHT)).toBe(1);
  });

  it('sees a light that is switched on as one jump, however long it is a change', () => {
    const gate = settled();
    expect(gate.jumpedShare).toBe(0);
    const bright = scene({ brightness: 100 });
    gate.changedShare(bright, WIDTH, HEIGHT);
    expect(gate.jumpedShare).toBe(1);
    expect(gate.changedShare(bright, WIDTH, HEIGHT)).toBe(1);
    expect(gate.jumpedShare).toBe(0);
  });

  it('gets used to what was put down and stays', () => {
    const gate = settled();
    const box = withFace(scene(), 100, 100, 80);
    expect(gate.changedShare(box, WIDTH, HEIGHT)).toBeGreaterThan(threshold);
    for (let frame = 0; frame < 60; frame++) gate.changedShare(box, WIDTH, HEIGHT);
    expect(gate.changedShare(box, WIDTH, HEIGHT)).toBe(0);
  });

  it('works on any size, also when it changes', () => {
    const gate = settled();
    const small = new Uint8Array(64 * 48).fill(100);
    expect(gate.changedShare(small, 64, 48)).toBeGreaterThan(threshold);
    expect(gate.changedShare(new Uint8Array(2).fill(100), 2, 1)).toBeLessThanOrEqual(1);
  });

  it('does not see what happens in an ignored part, and all the rest as before', () => {
    const area = { x: 0, y: 0, width: 0.5, height: 1 };
    const gate = new MotionGate(new IgnoredAreas([area]));
    gate.changedShare(scene(), WIDTH, HEIGHT);
    expect(gate.changedShare(withFace(scene(), 60, 200, 120), WIDTH, HEIGHT)).toBe(0);
    const beside = gate.changedShare(withFace(scene(), 460, 200, 120), WIDTH, HEIGHT);
    expect(beside).toBeCloseTo((2 * 120 * 120) / (WIDTH * HEIGHT), 1);
  });

  it('sees nothing where everything is ignored', () => {
    const gate = new MotionGate(new IgnoredAreas([{ x: 0, y: 0, width: 1, height: 1 }]));
    gate.changedShare(scene(), WIDTH, HEIGHT);
    expect(gate.changedShare(scene({ brightness: 90 }), WIDTH, HEIGHT)).toBe(0);
  });
});
