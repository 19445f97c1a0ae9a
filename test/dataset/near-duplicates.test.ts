import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Fingerprint, groupNearDuplicates } from '../../src/dataset/near-duplicates.js';
import { type Mat, opencv } from '../../src/imaging/opencv.js';
import { hashPicture } from '../../src/imaging/perceptual-hash.js';
import { Picture } from '../../src/imaging/picture.js';
import { faceNear, randomFace, seededRandom } from '../gallery/faces.js';

const demo = join(
  dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')),
  'demo',
);

const hex = (value: bigint) => value.toString(16).padStart(16, '0');
const bits = (value: bigint) => value.toString(2).replaceAll('0', '').length;

describe('groupNearDuplicates', () => {
  const face = randomFace(seededRandom(1));
  const print = (gradient: bigint, frequency: bigint, template = face): Fingerprint => ({
    hash: { gradient: hex(gradient), frequency: hex(frequency) },
    template,
  });

  it('finds the groups that comparing all with all finds', () => {
    const flips = fc.array(fc.bigInt(0n, 63n), { maxLength: 12 });
    const flip = (value: bigint, places: readonly bigint[]) =>
      places.reduce((changed, place) => changed ^ (1n << place), value);
    const bases = [0n, 0xffff_0000_ffff_0000n, 0x0123_4567_89ab_cdefn];
    const one = fc.tuple(fc.constantFrom(...bases), flips, flips);
    fc.assert(
      fc.property(fc.array(one, { maxLength: 40 }), (drawn) => {
        const hashes = drawn.map(
          ([base, a, b]) => [flip(base, a), flip(~base & ((1n << 64n) - 1n), b)] as const,
        );
        const groups = groupNearDuplicates(hashes.map(([a, b]) => print(a, b)));
        // All with all, joined by sweeping labels until nothing changes.
        const labels = hashes.map((_, place) => place);
        for (let changed = true; changed; ) {
          changed = false;
          for (const [i, first] of hashes.entries()) {
            for (const [j, second] of hashes.entries()) {
              const near = bits(first[0] ^ second[0]) <= 8 && bits(first[1] ^ second[1]) <= 8;
              const least = Math.min(labels[i] as number, labels[j] as number);
              if (!near || (labels[i] === least && labels[j] === least)) continue;
              labels[i] = least;
              labels[j] = least;
              changed = true;
            }
          }
        }
        const expected = new Map<number, number[]>();
        for (const [place, label] of labels.entries()) {
          expected.set(label, [...(expected.get(label) ?? []), place]);
        }
        expect(new Set(groups.map(String))).toEqual(
          new Set([...expected.values()].filter(({ length }) => length > 1).map(String)),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('asks the faces as well: a series of photos hashes alike', () => {
    const random = seededRandom(2);
    const other = faceNear(face, 0.8, random);
    expect(groupNearDuplicates([print(7n, 7n), print(7n, 7n, other)])).toEqual([]);
    expect(groupNearDuplicates([print(7n, 7n), print(7n, 7n)])).toEqual([[0, 1]]);
  });
});

describe('hashPicture', () => {
  const hashesOf = (change: (mat: Mat) => Mat) =>
    [1, 2, 3, 4, 5, 6].map((n) => {
      const mat = opencv().imread(join(demo, `sample${n}.jpg`), opencv().IMREAD_REDUCED_COLOR_4);
      return hashPicture(Picture.fromBgr(change(mat)));
    });
  const distance = (a: string, b: string) => bits(BigInt(`0x${a}`) ^ BigInt(`0x${b}`));

  it('stays the same through size, compression, colour and brightness', () => {
    const cv = opencv();
    const plain = hashesOf((mat) => mat);
    const changes: ((mat: Mat) => Mat)[] = [
      (mat) => mat.resize(mat.rows >> 1, mat.cols >> 1, 0, 0, cv.INTER_AREA),
      (mat) => cv.imdecode(cv.imencode('.jpg', mat, [cv.IMWRITE_JPEG_QUALITY, 40])),
      (mat) => mat.cvtColor(cv.COLOR_BGR2GRAY).cvtColor(cv.COLOR_GRAY2BGR),
      (mat) => mat.convertTo(cv.CV_8U, 1.1, 10),
    ];
    for (const change of changes) {
      for (const [index, hash] of hashesOf(change).entries()) {
        expect(distance(hash.gradient, plain[index]?.gradient ?? '')).toBeLessThanOrEqual(8);
        expect(distance(hash.frequency, plain[index]?.frequency ?? '')).toBeLessThanOrEqual(8);
      }
    }
  });

  it('differs between different pictures, and between a picture and its mirror image', () => {
    const plain = hashesOf((mat) => mat);
    const mirrored = hashesOf((mat) => mat.flip(1));
    const all = [...plain, ...mirrored];
    for (const [i, first] of all.entries()) {
      for (const second of all.slice(i + 1)) {
        expect(distance(first.gradient, second.gradient)).toBeGreaterThan(8);
      }
    }
  });
});
