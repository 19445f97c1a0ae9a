import type { Board } from '../models/device.js';

/** A row of the latency table that the seed system published. Never measured here. */
export interface PublishedRow {
  readonly model: string;
  readonly device: string;
  readonly engine: string;
  readonly precision: 'fp32' | 'int8';
  readonly sizeMB: number | null;
  readonly ms: number;
  /** Joins a row to the scenarios that reproduce it. */
  readonly key: string;
  /** The board of ours that is the same device. */
  readonly board: Board | null;
}

const row = (
  model: string,
  device: string,
  engine: string,
  precision: 'fp32' | 'int8',
  sizeMB: number | null,
  ms: number,
  board: Board | null = null,
): PublishedRow => ({
  model,
  device,
  engine,
  precision,
  sizeMB,
  ms,
  key: model === 'MTCNN' ? 'mtcnn' : `resnet50-${precision}`,
  board,
});

/** The seed's table, as published. */
export const PUBLISHED: readonly PublishedRow[] = [
  row('ResNet50', 'Tesla V100', 'Paddle-Inference + TensorRT', 'fp32', 153, 2.71),
  row('ResNet50', 'GTX 1650Ti', 'Paddle-Inference', 'fp32', 153, 5.42),
  row('ResNet50', 'Jetson Nano', 'Paddle-Inference', 'fp32', 153, 48.42, 'jetson-nano'),
  row('ResNet50', 'Raspberry Pi 4B', 'Paddle-Lite', 'fp32', 153, 243.22, 'pi-4'),
  row('ResNet50', 'Raspberry Pi 4B', 'Paddle-Lite', 'int8', 39, 167.81, 'pi-4'),
  row('MTCNN', 'Tesla V100', 'Paddle-Inference', 'fp32', null, 14.13),
  row('MTCNN', 'GTX 1650Ti', 'Paddle-Inference', 'fp32', null, 15.56),
  row('MTCNN', 'Jetson Nano', 'Paddle-Inference', 'fp32', null, 138.41, 'jetson-nano'),
  row('MTCNN', 'Raspberry Pi 4B', 'Paddle-Lite', 'fp32', null, 210.49, 'pi-4'),
];

/** What the seed published for the same model on the same device, or null. */
export function seedMsFor(key: string | undefined, board: string): number | null {
  if (key === undefined) return null;
  return PUBLISHED.find((entry) => entry.key === key && entry.board === board)?.ms ?? null;
}
