import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Move, MovePlans } from '../../src/dataset/move-plan.js';
import { holding, type WorkFolder, workFolderOf } from '../../src/dataset/work-folder.js';
import { FaceEvalError } from '../../src/domain/errors.js';

let parent: string;
let folder: WorkFolder;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'faceeval-moves-'));
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(join(parent, 'set', path, '..'), { recursive: true });
    writeFileSync(join(parent, 'set', path), text);
  }
  folder = workFolderOf(join(parent, 'set'));
  mkdirSync(folder.path);
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const FILES = { 'ann/1.jpg': 'a1', 'ann/2.jpg': 'a2', 'bob/1.jpg': 'b1' };

function tree(): Record<string, string> {
  const files = readdirSync(parent, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('.faceeval'))
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    files.map((path) => [path.slice(parent.length + 1), readFileSync(path, 'utf8')]),
  );
}

const BEFORE = Object.fromEntries(
  Object.entries(FILES).map(([path, text]) => [`set/${path}`, text]),
);

const move = (path: string, reason = 'broken'): Move => ({
  from: join(folder.set, path),
  to: join(folder.rejected, reason, path),
  reason,
  detail: 'as a test',
});

/** Moves of which a kill left the second one to do. */
async function interrupted(): Promise<void> {
  await new MovePlans(folder).move('clean', [move('ann/1.jpg'), move('bob/1.jpg')]);
  const name = join(folder.path, 'moves-1.json');
  const plan = JSON.parse(readFileSync(name, 'utf8')) as object;
  writeFileSync(name, JSON.stringify({ ...plan, done: false }));
  mkdirSync(join(folder.set, 'bob'));
  renameSync(join(folder.rejected, 'broken/bob/1.jpg'), join(folder.set, 'bob/1.jpg'));
  rmdirSync(join(folder.rejected, 'broken/bob'));
}

describe('moves', () => {
  it('are undone to the last byte, empty folders included', async () => {
    const plans = new MovePlans(folder);
    await plans.move('clean', [move('ann/1.jpg'), move('ann/2.jpg')]);
    await plans.move('clean', [move('bob/1.jpg', 'no-face')]);
    expect(Object.keys(tree()).sort()).toEqual([
      'set.rejected/broken/ann/1.jpg',
      'set.rejected/broken/ann/2.jpg',
      'set.rejected/no-face/bob/1.jpg',
    ]);
    expect(readdirSync(folder.set)).toEqual([]);
    const all = { restored: 3, blocked: [], missing: [] };
    expect(await plans.undo(undefined, true)).toEqual(all);
    expect(await plans.undo(undefined, false)).toEqual(all);
    expect(tree()).toEqual(BEFORE);
    expect(existsSync(folder.rejected)).toBe(false);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('are undone for one reason alone', async () => {
    const plans = new MovePlans(folder);
    await plans.move('clean', [move('ann/1.jpg'), move('bob/1.jpg', 'no-face')]);
    expect(await plans.undo(new Set(['no-face']), false)).toMatchObject({ restored: 1 });
    expect(Object.keys(tree())).toContain('set/bob/1.jpg');
    expect(Object.keys(tree())).toContain('set.rejected/broken/ann/1.jpg');
    expect(await plans.undo(undefined, false)).toMatchObject({ restored: 1 });
    expect(tree()).toEqual(BEFORE);
  });

  it('never write over a file, in either direction', async () => {
    const plans = new MovePlans(folder);
    await plans.move('clean', [move('ann/1.jpg')]);
    writeFileSync(join(folder.set, 'ann/1.jpg'), 'another');
    await plans.move('clean', [move('ann/1.jpg')]);
    expect(tree()).toMatchObject({
      'set.rejected/broken/ann/1.jpg': 'a1',
      'set.rejected/broken/ann/1~2.jpg': 'another',
    });
    const { restored, blocked } = await plans.undo(undefined, false);
    expect([restored, blocked]).toEqual([1, ['set/ann/1.jpg']]);
    expect(tree()['set/ann/1.jpg']).toBe('another');
    expect(tree()['set.rejected/broken/ann/1.jpg']).toBe('a1');
  });

  it('that a kill cut off are ended by the next command', async () => {
    await interrupted();
    const plans = new MovePlans(folder);
    expect(await plans.finishInterrupted(false)).toMatchObject([
      { command: 'clean', moves: [{}, {}] },
    ]);
    expect(tree()['set.rejected/broken/bob/1.jpg']).toBe('b1');
    expect(await plans.finishInterrupted(false)).toEqual([]);
    await plans.undo(undefined, false);
    expect(tree()).toEqual(BEFORE);
  });

  it('that a kill cut off are only told of by a dry run', async () => {
    await interrupted();
    const before = tree();
    const notes: string[] = [];
    const plans = new MovePlans(folder);
    await plans.finishInterrupted(true, (what) => notes.push(what));
    expect(notes).toEqual([expect.stringContaining('`clean` has 1 of 2 moves left')]);
    expect(await plans.undo(undefined, true)).toMatchObject({ restored: 1 });
    expect(tree()).toEqual(before);
  });

  it('that a kill cut off are undone without being ended first', async () => {
    await interrupted();
    // What is left could not be ended: its folder cannot be made.
    writeFileSync(join(folder.rejected, 'broken/bob'), '');
    const plans = new MovePlans(folder);
    await expect(plans.finishInterrupted(false)).rejects.toMatchObject({
      code: 'STORE',
      hint: expect.stringContaining('faceeval data restore'),
    });
    expect(await plans.undo(undefined, false)).toMatchObject({ restored: 1 });
    rmSync(folder.rejected, { recursive: true });
    expect(tree()).toEqual(BEFORE);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('of which none could be done keep no later command from its work', async () => {
    const plans = new MovePlans(folder);
    writeFileSync(folder.rejected, 'in the way');
    await expect(plans.move('clean', [move('ann/1.jpg')])).rejects.toMatchObject({ code: 'STORE' });
    expect(await plans.finishInterrupted(true)).toEqual([]);
    expect(await plans.finishInterrupted(false)).toEqual([]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('whose copy to another disk a kill cut off leave one file, and never two', async () => {
    for (const undo of [false, true]) {
      await interrupted();
      mkdirSync(join(folder.rejected, 'broken/bob'));
      writeFileSync(join(folder.rejected, 'broken/bob/1.jpg'), 'b1');
      const plans = new MovePlans(folder);
      if (!undo) await plans.finishInterrupted(false);
      if (!undo) expect(existsSync(join(folder.set, 'bob'))).toBe(false);
      await plans.undo(undefined, false);
      expect(tree()).toEqual(BEFORE);
    }
  });

  it('do not write over what took the old place after a kill', async () => {
    await interrupted();
    writeFileSync(join(folder.set, 'ann/1.jpg'), 'another');
    await new MovePlans(folder).finishInterrupted(false);
    expect(tree()).toMatchObject({
      'set/ann/1.jpg': 'another',
      'set.rejected/broken/ann/1.jpg': 'a1',
    });
  });

  it('are not forgotten while the disk that holds the files is away', async () => {
    const plans = new MovePlans(folder);
    await plans.move('clean', [move('ann/1.jpg'), move('bob/1.jpg')]);
    renameSync(folder.rejected, join(parent, 'away'));
    expect(await plans.undo(undefined, false)).toEqual({
      restored: 0,
      blocked: [],
      missing: [
        join(folder.rejected, 'broken/bob/1.jpg'),
        join(folder.rejected, 'broken/ann/1.jpg'),
      ],
    });
    renameSync(join(parent, 'away'), folder.rejected);
    expect(await plans.undo(undefined, false)).toMatchObject({ restored: 2, missing: [] });
    expect(tree()).toEqual(BEFORE);
  });

  it('tell what was moved, and what could not be found', async () => {
    const { moved, notFound } = await new MovePlans(folder).move('clean', [
      move('ann/1.jpg'),
      move('ann/gone.jpg'),
    ]);
    expect(moved.map(({ from }) => from)).toEqual([join(folder.set, 'ann/1.jpg')]);
    expect(notFound).toEqual([join(folder.set, 'ann/gone.jpg')]);
  });

  it('keep links whole: they lead to the same file from either place', async () => {
    const links = {
      'ann/here.jpg': '1.jpg',
      'ann/there.jpg': '../bob/1.jpg',
      'ann/nowhere.jpg': 'none.jpg',
      'ann/absolute.jpg': join(folder.set, 'bob/1.jpg'),
    };
    for (const [path, target] of Object.entries(links)) symlinkSync(target, join(folder.set, path));
    const plans = new MovePlans(folder);
    const { moved } = await plans.move(
      'clean',
      Object.keys(links).map((path) => move(path)),
    );
    expect(moved).toHaveLength(4);
    const aside = (name: string) => readFileSync(join(folder.rejected, 'broken/ann', name), 'utf8');
    expect(['here.jpg', 'there.jpg', 'absolute.jpg'].map(aside)).toEqual(['a1', 'b1', 'b1']);
    // What they lead to goes as well, and comes back after them.
    await plans.move('clean', [move('ann/1.jpg'), move('bob/1.jpg')]);
    expect(await plans.undo(undefined, false)).toMatchObject({ restored: 6, missing: [] });
    for (const [path, target] of Object.entries(links)) {
      expect(readlinkSync(join(folder.set, path))).toBe(target);
    }
    expect(tree()).toEqual(BEFORE);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('keep links whole whose files move along with them', async () => {
    symlinkSync('1.jpg', join(folder.set, 'ann/link.jpg'));
    symlinkSync(join(folder.set, 'ann/1.jpg'), join(folder.set, 'bob/absolute.jpg'));
    const plans = new MovePlans(folder);
    await plans.move(
      'split',
      ['bob/absolute.jpg', 'ann/1.jpg', 'ann/link.jpg'].map((path) => move(path)),
    );
    for (const path of ['ann/link.jpg', 'bob/absolute.jpg']) {
      expect(readFileSync(join(folder.rejected, 'broken', path), 'utf8')).toBe('a1');
    }
    await plans.undo(undefined, false);
    expect(readlinkSync(join(folder.set, 'ann/link.jpg'))).toBe('1.jpg');
    expect(readlinkSync(join(folder.set, 'bob/absolute.jpg'))).toBe(join(folder.set, 'ann/1.jpg'));
    expect(tree()).toEqual(BEFORE);
  });

  it('come back into a folder that is a link, which an earlier version emptied', async () => {
    renameSync(join(folder.set, 'bob'), join(parent, 'bob'));
    symlinkSync('../bob', join(folder.set, 'bob'));
    const plans = new MovePlans(folder);
    expect((await plans.move('prune', [move('bob/1.jpg')])).moved).toHaveLength(1);
    expect(await plans.undo(undefined, false)).toMatchObject({ restored: 1 });
    expect(readFileSync(join(parent, 'bob/1.jpg'), 'utf8')).toBe('b1');
  });

  it('still fit when set and all that belongs to it were moved together', async () => {
    await new MovePlans(folder).move('clean', [move('ann/1.jpg')]);
    const elsewhere = join(parent, 'elsewhere');
    mkdirSync(elsewhere);
    for (const name of ['set', 'set.faceeval', 'set.rejected']) {
      renameSync(join(parent, name), join(elsewhere, name));
    }
    const plans = new MovePlans(workFolderOf(join(elsewhere, 'set')));
    expect(await plans.undo(undefined, false)).toMatchObject({ restored: 1 });
    expect(readFileSync(join(elsewhere, 'set/ann/1.jpg'), 'utf8')).toBe('a1');
  });

  it('are not forgotten for a list that cannot be read', async () => {
    writeFileSync(join(folder.path, 'moves-1.json'), '{');
    const failure = new MovePlans(folder).finishInterrupted(false);
    await expect(failure).rejects.toThrow(/moves-1.json cannot be read/);
  });
});

describe('holding a set', () => {
  it('keeps a second command off, and outlives one that was killed', async () => {
    writeFileSync(join(folder.path, 'lock'), '999999999');
    await holding(folder, async () => {
      const second = await holding(folder, async () => {}).catch((error) => error);
      expect(second).toBeInstanceOf(FaceEvalError);
      expect(second).toMatchObject({ code: 'STORE', message: expect.stringContaining('another') });
    });
    await holding(folder, async () => {});
    expect(readdirSync(folder.path)).toEqual([]);
  });
});
