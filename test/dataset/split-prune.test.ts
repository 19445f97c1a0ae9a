import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pruneSet } from '../../src/dataset/prune.js';
import { restoreSet } from '../../src/dataset/restore.js';
import { listSet } from '../../src/dataset/set-listing.js';
import { drawImages, splitSet } from '../../src/dataset/split.js';
import { histogramOf, spreadOf, statSet } from '../../src/dataset/stats.js';

let parent: string;
let set: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'faceeval-split-'));
  set = join(parent, 'set');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

/** Makes identities with so many files each. */
function fill(counts: Record<string, number>): void {
  for (const [identity, count] of Object.entries(counts)) {
    mkdirSync(join(set, identity), { recursive: true });
    for (let n = 1; n <= count; n++) writeFileSync(join(set, identity, `${n}.jpg`), `${n}`);
  }
}

const filesOf = (root: string) =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();

describe('listSet', () => {
  it('orders by number and tells what lies out of place', async () => {
    fill({ bob: 11, ann: 1 });
    writeFileSync(join(set, 'notes.txt'), '');
    writeFileSync(join(set, '.hidden'), '');
    mkdirSync(join(set, 'ann/more'));
    const { files, identities, strays } = await listSet(set);
    expect(identities).toEqual(['ann', 'bob']);
    expect(files.map(({ path }) => path).slice(0, 4)).toEqual([
      'ann/1.jpg',
      'bob/1.jpg',
      'bob/2.jpg',
      'bob/3.jpg',
    ]);
    expect(files.at(-1)?.path).toBe('bob/11.jpg');
    expect(strays).toEqual(['notes.txt', 'ann/more']);
  });

  it('refuses what is no set, with a hint', async () => {
    await expect(listSet(set)).rejects.toMatchObject({ code: 'USAGE' });
    mkdirSync(join(set, 'empty'), { recursive: true });
    await expect(listSet(set)).rejects.toThrow(/no identity with images/);
  });
});

describe('pruneSet', () => {
  it('moves identities with fewer images aside, and those with as many stay', async () => {
    fill({ one: 1, two: 2, three: 3, _: 1 });
    const before = filesOf(set);
    const planned = await pruneSet({ set, minImages: 3, dryRun: true });
    expect(planned.pruned).toEqual([
      { identity: 'one', images: 1 },
      { identity: 'two', images: 2 },
    ]);
    expect(filesOf(set)).toEqual(before);
    expect(await pruneSet({ set, minImages: 3, dryRun: false })).toMatchObject({
      kept: { identities: 2, images: 4 },
    });
    expect(readdirSync(set).sort()).toEqual(['_', 'three']);
    expect(filesOf(`${set}.rejected/too-few-images`)).toEqual([
      'one/1.jpg',
      'two/1.jpg',
      'two/2.jpg',
    ]);
    expect(await restoreSet({ set, dryRun: false })).toMatchObject({ restored: 3 });
    expect(filesOf(set)).toEqual(before);
  });
});

describe('an identity that is a link', () => {
  it('is read, and its images are not taken away from the folder that it leads to', async () => {
    fill({ ann: 3 });
    mkdirSync(join(parent, 'others/bob'), { recursive: true });
    writeFileSync(join(parent, 'others/bob/1.jpg'), 'b');
    symlinkSync('../others/bob', join(set, 'bob'));
    expect((await listSet(set)).identities).toEqual(['ann', 'bob']);
    for (const dryRun of [true, false]) {
      const refusal = { code: 'USAGE', message: `${set}/bob is a link to another folder` };
      await expect(pruneSet({ set, minImages: 3, dryRun })).rejects.toMatchObject(refusal);
      const options = { set, to: join(parent, 'val'), imagesPerIdentity: 1, seed: 1, dryRun };
      await expect(splitSet({ ...options, copy: false })).rejects.toMatchObject(refusal);
      expect(await splitSet({ ...options, copy: true })).toMatchObject({ identities: 1 });
    }
    expect(filesOf(join(parent, 'others'))).toEqual(['bob/1.jpg']);
  });
});

describe('a file whose name is no UTF-8', () => {
  it('is not said to be moved', async () => {
    fill({ one: 1, two: 2 });
    const name = Buffer.concat([Buffer.from(`${set}/one/`), Buffer.from([0xe9, 0x2e, 0x6a])]);
    writeFileSync(name, 'x');
    const report = await pruneSet({ set, minImages: 3, dryRun: false });
    expect(report).toMatchObject({
      pruned: [
        { identity: 'one', images: 1 },
        { identity: 'two', images: 2 },
      ],
      notMoved: ['one/\ufffd.j'],
      kept: { identities: 1, images: 1 },
    });
    expect(existsSync(name)).toBe(true);
    expect(await restoreSet({ set, dryRun: false })).toMatchObject({ restored: 3, missing: [] });
    const to = join(parent, 'val');
    const split = { set, to, imagesPerIdentity: 1, seed: 3, copy: false, dryRun: false };
    const { images, notMoved } = await splitSet(split);
    expect(images.length + notMoved.length).toBe(2);
    expect(filesOf(to)).toEqual([...images]);
  });
});

describe('splitSet', () => {
  const split = (more: object = {}) =>
    splitSet({
      set,
      to: join(parent, 'val'),
      imagesPerIdentity: 2,
      seed: 7,
      copy: false,
      dryRun: false,
      ...more,
    });

  it('draws the same images with the same seed, and others with another', async () => {
    fill({ ann: 9, bob: 9, cid: 2, _: 5 });
    const planned = await split({ dryRun: true });
    expect(planned.images).toHaveLength(4);
    expect(planned.leftWhole).toEqual(['cid']);
    expect((await split({ dryRun: true, seed: 8 })).images).not.toEqual(planned.images);
    const before = filesOf(set);
    const done = await split();
    expect(done.images).toEqual(planned.images);
    expect(filesOf(join(parent, 'val'))).toEqual([...planned.images].sort());
    expect([...filesOf(set), ...filesOf(join(parent, 'val'))].sort()).toEqual(before);
    await restoreSet({ set, dryRun: false });
    expect(filesOf(set)).toEqual(before);
  });

  it('depends on an identity and its files alone', () => {
    const image = (identity: string, n: number) => ({
      identity,
      file: `${n}.jpg`,
      path: `${identity}/${n}.jpg`,
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(),
        (numbers, count, seed) => {
          const images = numbers.map((n) => image('ann', n));
          const drawn = drawImages(images, count, seed);
          expect(drawn).toHaveLength(count);
          const shuffled = drawImages([...images].reverse(), count, seed);
          expect(new Set(shuffled)).toEqual(new Set(drawn));
          // Without an image that was not drawn, the same ones are drawn.
          const spared = images.find((one) => !drawn.includes(one));
          const fewer = images.filter((one) => one !== spared);
          if (fewer.length >= count) expect(drawImages(fewer, count, seed)).toEqual(drawn);
        },
      ),
    );
  });

  it('copies and leaves the set whole, and goes on after a copy that was cut off', async () => {
    fill({ ann: 4, bob: 4 });
    const before = filesOf(set);
    const first = await split({ copy: true });
    expect(filesOf(set)).toEqual(before);
    rmSync(join(parent, 'val', first.images[1] as string));
    expect((await split({ copy: true })).images).toEqual(first.images);
    expect(filesOf(join(parent, 'val'))).toEqual([...first.images].sort());
  });

  it('that was cut off is only told of by a dry run, and ended by the same command', async () => {
    fill({ ann: 4, bob: 4 });
    const before = filesOf(set);
    const first = await split();
    const plan = join(`${set}.faceeval`, 'moves-1.json');
    writeFileSync(plan, readFileSync(plan, 'utf8').replace('"done": true', '"done": false'));
    const back = first.images[3] as string;
    renameSync(join(parent, 'val', back), join(set, back));
    const cutOff = filesOf(parent);
    const notes: string[] = [];
    const onNote = (what: string) => notes.push(what);
    expect((await split({ dryRun: true, onNote })).images).toEqual(first.images);
    await pruneSet({ set, minImages: 2, dryRun: true, onNote });
    expect(notes).toEqual(Array(2).fill(expect.stringContaining('1 of 4 moves left')));
    expect(await restoreSet({ set, dryRun: true })).toMatchObject({ restored: 3 });
    expect(filesOf(parent).filter((path) => !path.endsWith('.json'))).toEqual(
      cutOff.filter((path) => !path.endsWith('.json')),
    );
    expect((await split({ onNote })).images).toEqual(first.images);
    expect(notes[2]).toContain('ended the 4 moves of an interrupted `split');
    await restoreSet({ set, dryRun: false });
    expect(filesOf(set)).toEqual(before);
  });

  it('that failed for a wrong folder does not stand in the way of the next one', async () => {
    fill({ ann: 4, bob: 4 });
    const before = filesOf(set);
    writeFileSync(join(parent, 'file'), '');
    const wrong = { to: join(parent, 'file/val') };
    await expect(split(wrong)).rejects.toMatchObject({ code: 'STORE' });
    expect(await pruneSet({ set, minImages: 2, dryRun: true })).toMatchObject({ pruned: [] });
    expect((await split()).images).toHaveLength(4);
    await restoreSet({ set, dryRun: false });
    await expect(split(wrong)).rejects.toMatchObject({ code: 'STORE' });
    expect(await restoreSet({ set, dryRun: false })).toMatchObject({ restored: 0, missing: [] });
    expect(filesOf(set)).toEqual(before);
  });

  it('copies what there is, and says what it cannot write', async () => {
    fill({ ann: 2 });
    symlinkSync('nowhere', join(set, 'ann/3.jpg'));
    symlinkSync('nowhere', join(set, 'ann/4.jpg'));
    const all = { copy: true, imagesPerIdentity: 3 };
    const { images, notMoved } = await split(all);
    expect([images.length, notMoved.length]).toSatisfy(
      ([some, none]) => some + none === 3 && none > 0,
    );
    expect(filesOf(join(parent, 'val'))).toEqual([...images]);
    writeFileSync(join(parent, 'file'), '');
    await expect(split({ ...all, to: join(parent, 'file/val') })).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringContaining('cannot copy'),
    });
  });

  it('does not mix two draws, and no set with its own part', async () => {
    fill({ ann: 9 });
    await split();
    await expect(split()).rejects.toThrow(/holds other files already/);
    await expect(split({ to: join(set, 'inside') })).rejects.toThrow(/lies in the set/);
  });
});

describe('statSet', () => {
  it('counts images, identities and formats', async () => {
    fill({ ann: 4, bob: 1, cid: 1, _: 3 });
    expect(await statSet(set)).toMatchObject({
      images: 9,
      unlabelled: 3,
      identities: 3,
      sizeBytes: 9,
      imagesPerIdentity: { min: 1, median: 1, mean: 2, max: 4 },
      histogram: [
        { from: 1, to: 1, identities: 2 },
        { from: 2, to: 2, identities: 0 },
        { from: 3, to: 4, identities: 1 },
      ],
      types: { none: 9 },
      widthPx: null,
      sizes: [],
    });
  });

  it('puts every identity into one class', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5_000 })), (counts) => {
        const classes = histogramOf(counts);
        const total = classes.reduce((sum, { identities }) => sum + identities, 0);
        expect(total).toBe(counts.length);
        const spread = spreadOf(counts);
        expect(spread === null).toBe(counts.length === 0);
        if (spread !== null) expect(spread.min).toBeLessThanOrEqual(spread.median);
      }),
    );
  });
});
