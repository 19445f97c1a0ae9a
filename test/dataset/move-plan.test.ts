import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
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
    expect(await plans.undo(undefined, true)).toEqual({ restored: 3, blocked: [] });
    expect(await plans.undo(undefined, false)).toEqual({ restored: 3, blocked: [] });
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
    const plans = new MovePlans(folder);
    await plans.move('clean', [move('ann/1.jpg'), move('bob/1.jpg')]);
    // As a kill after the first move leaves it.
    const name = join(folder.path, 'moves-1.json');
    const plan = JSON.parse(readFileSync(name, 'utf8')) as object;
    writeFileSync(name, JSON.stringify({ ...plan, done: false }));
    mkdirSync(join(folder.set, 'bob'));
    renameSync(join(folder.rejected, 'broken/bob/1.jpg'), join(folder.set, 'bob/1.jpg'));
    const ended = await new MovePlans(folder).finishInterrupted();
    expect(ended).toMatchObject([{ command: 'clean', moves: [{}, {}] }]);
    expect(tree()['set.rejected/broken/bob/1.jpg']).toBe('b1');
    expect(await plans.finishInterrupted()).toEqual([]);
    await plans.undo(undefined, false);
    expect(tree()).toEqual(BEFORE);
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
    const failure = new MovePlans(folder).finishInterrupted();
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
