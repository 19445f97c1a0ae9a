import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { shippedModels } from '../../src/models/manifest.js';

interface GoldenNet {
  readonly file: string;
  readonly input: string;
  readonly dims: readonly [number, number, number, number];
  readonly numbers: readonly number[];
  readonly outputs: Readonly<Record<string, { dims: readonly number[]; data: readonly number[] }>>;
}

/** What the runtimes of the source formats answered: training/convert/golden.py. */
const golden = JSON.parse(readFileSync(join(shippedModels(), 'golden', 'golden.json'), 'utf8')) as {
  readonly nets: readonly GoldenNet[];
};

/** The formula of training/convert/synthetic.py. */
function syntheticPictures({ dims, numbers }: GoldenNet): Uint8Array {
  const [, height, width] = dims;
  const bytes = new Uint8Array(numbers.length * height * width * 3);
  let at = 0;
  for (const number of numbers) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < 3; c++) {
          const value = x * (3 + 2 * number) + y * 5 + c * 40 + Math.floor((x * y) / 8);
          const turned = value % 510;
          bytes[at++] = turned > 255 ? 510 - turned : turned;
        }
      }
    }
  }
  return bytes;
}

const TOLERANCE = 5e-6;
const cases = ['fp32', 'fp32-x86'].flatMap((form) =>
  golden.nets.map((net) => ({ form, net, name: `${form}/${net.file}` })),
);

describe('the shipped nets', () => {
  it.each(cases)('$name answers as the net that it was made from', async ({ form, net }) => {
    const session = await InferenceSession.create(join(shippedModels(), form, net.file), {
      intraOpNumThreads: 1,
    });
    const picture = new Tensor('uint8', syntheticPictures(net), net.dims);
    const found = await session.run({ [net.input]: picture });
    for (const [output, { dims, data }] of Object.entries(net.outputs)) {
      expect(found[output]?.dims).toEqual(dims);
      const values = found[output]?.data as Float32Array;
      const furthest = data.reduce(
        (most, want, i) => Math.max(most, Math.abs(want - (values[i] ?? Number.NaN))),
        0,
      );
      expect(furthest).toBeLessThan(TOLERANCE);
    }
    await session.release();
  });
});
