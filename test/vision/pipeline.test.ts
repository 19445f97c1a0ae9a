import { expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import type { Face, Observation } from '../../src/domain/records.js';
import type { FaceEngine } from '../../src/vision/face-engine.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import { StageClock } from '../../src/vision/stage-clock.js';

const [WIDTH, HEIGHT] = [640, 480];

/** A face whose middle is at (x, y), in pixels. */
function faceAt(x: number, y: number): Face {
  const point = (dx: number, dy: number) => ({ x: x + dx, y: y + dy });
  return {
    box: { x: x - 50, y: y - 60, width: 100, height: 120 },
    score: 0.99,
    landmarks: [point(-20, -15), point(20, -15), point(0, 5), point(-16, 28), point(16, 28)],
  };
}

/** Finds the same faces in every picture. */
const engineThatSees = (faces: readonly Face[]) =>
  ({
    detector: { detect: async () => [...faces] },
    recogniser: {
      embed: async (crops: readonly unknown[]) => crops.map(() => new Float32Array(4)),
    },
    liveness: undefined,
    family: 'none',
    build: 'none',
  }) as unknown as FaceEngine;

interface Scene {
  readonly ignore?: readonly object[];
  readonly faces: readonly Face[];
  /** Brightness of a frame; the same for all when absent. */
  readonly light?: (frame: number) => number;
  /** When a frame comes; ten a second when absent. */
  readonly atMs?: (frame: number) => number;
}

async function play({ ignore = [], faces, light = () => 128, atMs = (n) => n * 100 }: Scene) {
  const { mqtt, ...config } = configSchema.parse({
    cameras: [{ id: 'hall', source: 'hall.mp4', ignore }],
    quality: { minSharpness: 0, minFrontality: 0, minValue: 0 },
  });
  const seen: Observation[] = [];
  const pipeline = new Pipeline(
    engineThatSees(faces),
    { ...config, snapshots: mqtt.snapshots },
    { fast: true },
    'boot',
    new StageClock(),
    { observation: (observation) => seen.push(observation), trackEnded: () => {} },
  );
  const i420 = new Uint8Array((WIDTH * HEIGHT * 3) / 2).fill(128);
  const luma = i420.subarray(0, WIDTH * HEIGHT);
  for (let frameId = 0; frameId < 20; frameId++) {
    luma.fill(light(frameId));
    const stamp = { frameId, capturedAtMs: 0, capturedMonoMs: 0, mediaMs: atMs(frameId) };
    const size = { width: WIDTH, height: HEIGHT };
    await pipeline.process({ ...stamp, ...size, cameraId: 'hall', i420, luma, release: () => {} });
  }
  return { seen, detections: pipeline.counters('hall').detections };
}

async function observed(ignore: readonly object[], faces: readonly Face[]) {
  const { seen } = await play({ ignore, faces });
  return new Set(seen.map(({ box }) => Math.round(box.x + box.width / 2)));
}

it('leaves out faces whose middle is in an ignored part of the picture', async () => {
  const faces = [faceAt(160, 200), faceAt(480, 200)];
  expect(await observed([], faces)).toEqual(new Set([160, 480]));
  const television = { x: 0.6, y: 0.2, width: 0.3, height: 0.5 };
  expect(await observed([television], faces)).toEqual(new Set([160]));
});

it('ends the tracks once when the light goes on, and recognises in the new light at once', async () => {
  const light = (frame: number) => (frame < 10 ? 40 : 220);
  const { seen } = await play({ faces: [faceAt(320, 200)], light });
  const tracks = new Set(seen.map(({ trackId }) => trackId));
  expect(tracks.size).toBe(2);
  const first = seen.find(({ frameId }) => frameId >= 10);
  expect(first?.frameId).toBeLessThanOrEqual(12);
});

it('looks at every frame of a camera whose frames are due, though some come a little early', async () => {
  const atMs = (frame: number) => frame * 100 + (frame % 2 === 0 ? 3 : -3);
  expect((await play({ faces: [faceAt(320, 200)], atMs })).detections).toBe(20);
});
