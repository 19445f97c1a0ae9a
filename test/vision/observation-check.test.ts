import { describe, expect, it } from 'vitest';
import type { Observation } from '../../src/domain/records.js';
import { problemOf } from '../../src/vision/observation-check.js';

const eye = { x: 10, y: 12 };
const good: Observation = {
  cameraId: 'door',
  frameId: 7,
  capturedAtMs: 1_700_000_000_000,
  frame: { width: 640, height: 480 },
  trackId: 'b-door-1',
  box: { x: -3, y: 2, width: 30, height: 40 },
  landmarks: [eye, eye, eye, eye, eye],
  detectionScore: 0.9,
  quality: { value: 0.5, interocularPx: 20, sharpness: 0.5, frontality: 0.5, luma: 100 },
  template: new Float32Array([0.6, 0.8]),
  family: 'family',
  build: 'family-fp32',
  crop: new Uint8Array(3),
  timings: { captureMs: 1, detectMs: 2, embedMs: 3 },
};

describe('problemOf', () => {
  it('finds nothing in an observation, also after a structured clone', () => {
    expect(problemOf(good)).toBeUndefined();
    expect(problemOf(structuredClone(good), 2)).toBeUndefined();
    expect(problemOf({ ...good, template: new Float32Array([0.6005, 0.8]) })).toBeUndefined();
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /the record/],
    ['no template', { ...good, template: [0.6, 0.8] }, /template/],
    ['an empty template', { ...good, template: new Float32Array(0) }, /length is 0/],
    ['a short vector', { ...good, template: new Float32Array([0.6, 0.7]) }, /not 1/],
    ['a template of no numbers', { ...good, template: new Float32Array([Number.NaN, 1]) }, /NaN/],
    ['a box at infinity', { ...good, box: { ...good.box, x: Number.POSITIVE_INFINITY } }, /box\.x/],
    ['an empty box', { ...good, box: { ...good.box, width: 0 } }, /box\.width/],
    ['four landmarks', { ...good, landmarks: [eye, eye, eye, eye] }, /landmarks/],
    ['no time', { ...good, capturedAtMs: Number.NaN }, /capturedAtMs/],
    ['no track', { ...good, trackId: '' }, /trackId/],
    ['a thumbnail as text', { ...good, thumbnail: 'JFIF' }, /thumbnail/],
  ])('tells what is wrong: %s', (_, record, problem) => {
    expect(problemOf(record)).toMatch(problem);
  });

  it('takes templates of one length only', () => {
    expect(problemOf(good, 192)).toMatch(/2 numbers, not 192/);
  });
});
