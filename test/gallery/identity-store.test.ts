import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaceEvalError } from '../../src/domain/errors.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { fromBlob, toBlob } from '../../src/gallery/vector-blob.js';
import { openState } from '../daemon/state-folder.js';
import { randomFace, seededRandom } from './faces.js';

const random = seededRandom(5);

async function opened() {
  const db = await openState();
  return { db, store: new IdentityStore(db) };
}

const photo = (family = 'f') => ({
  ...{ family, build: 'b', quality: 0.5, source: 'photo' },
  vector: randomFace(random),
});

describe('names', () => {
  it.each([
    ['in another case', 'ann lee', 'ANN LEE'],
    ['with umlauts', 'Jürgen', 'JÜRGEN'],
    ['composed and decomposed', 'Zoe\u0301', 'Zo\u00e9'],
    ['with blanks around and inside', '  Ann   Lee ', 'Ann Lee'],
    ['in wide letters', 'Ａｎｎ', 'Ann'],
    ['in Greek', 'Σωκράτης', 'ΣΩΚΡΆΤΗΣ'],
  ])('are one %s', async (_how, first, second) => {
    const { store } = await opened();
    expect(store.ensure(second)).toEqual(store.ensure(first));
    expect(store.list()).toHaveLength(1);
  });

  it('travel as they are', async () => {
    const { store } = await opened();
    const names = ['Ñandú', '王小明', 'محمد', "O'Brien; DROP TABLE identities", '👩‍🚀 Eva'];
    for (const name of names) expect(store.ensure(name).name).toBe(name);
    expect(store.list().map(({ name }) => name)).toHaveLength(names.length);
    for (const name of names) expect(store.require(name).name).toBe(name);
  });

  it.each([
    ['nothing', '  '],
    ['a control character', 'Ann\u0000'],
    ['too much', 'x'.repeat(101)],
  ])('cannot be %s', async (_what, name) => {
    const { store } = await opened();
    expect(() => store.ensure(name)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(store.list()).toEqual([]);
  });

  it('stay unique whatever is done', async () => {
    const name = fc.constantFrom('Ann', 'ann', 'ÀNN', 'ànn', 'Bob', ' bob ', 'CARL');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('ensure' as const), name }),
      fc.record({ kind: fc.constant('rename' as const), name, to: name }),
      fc.record({ kind: fc.constant('remove' as const), name }),
    );
    const { db, store } = await opened();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        db.exec('DELETE FROM identities');
        for (const action of steps) {
          try {
            if (action.kind === 'ensure') store.ensure(action.name);
            else if (action.kind === 'rename') store.rename(action.name, action.to);
            else store.remove(action.name);
          } catch (error) {
            // Nobody has the name, or somebody else has the new one.
            expect(error).toBeInstanceOf(FaceEvalError);
          }
        }
        const keys = store.list().map((one) => one.name.normalize('NFKC').toLowerCase());
        expect(new Set(keys).size).toBe(keys.length);
      }),
      { numRuns: 100 },
    );
  });

  it('are changed without changing the person', async () => {
    const { store } = await opened();
    const { id } = store.ensure('Ann');
    store.addTemplate(id, photo());
    expect(store.rename('ann', 'Ann Lee')).toEqual({ id, name: 'Ann Lee' });
    expect(store.rename(id, 'ANN LEE')).toEqual({ id, name: 'ANN LEE' });
    expect(store.list()).toMatchObject([{ id, templates: 1 }]);
    store.ensure('Bob');
    expect(() => store.rename('Bob', 'ann lee')).toThrow(/"ANN LEE" is somebody else already/);
  });

  it('that nobody has lead to those that somebody has', async () => {
    const { store } = await opened();
    expect(() => store.require('Ann')).toThrow(
      expect.objectContaining({ hint: 'the gallery is empty' }),
    );
    store.ensure('Bob');
    expect(() => store.require('Ann')).toThrow(expect.objectContaining({ hint: 'it has: Bob' }));
  });
});

describe('templates', () => {
  it('come back bit by bit, by family and by person', async () => {
    const { store } = await opened();
    const [ann, bob] = [store.ensure('Ann'), store.ensure('Bob')];
    const vectors = [photo(), photo(), photo('g')];
    const ids = [
      store.addTemplate(ann.id, vectors[0] ?? photo()),
      store.addTemplate(bob.id, vectors[1] ?? photo()),
      store.addTemplate(ann.id, vectors[2] ?? photo()),
    ];
    const found = store.templates('f');
    expect(found.map(({ id }) => id).sort()).toEqual(ids.slice(0, 2).sort());
    expect(found.find(({ id }) => id === ids[0])).toEqual({
      ...{ id: ids[0], identity: ann, quality: 0.5 },
      vector: vectors[0]?.vector,
    });
    expect(store.templates('f', ann.id)).toHaveLength(1);
    expect(store.templates('g').map(({ identity }) => identity.name)).toEqual(['Ann']);
  });

  it('go with their person, and one by one', async () => {
    const { db, store } = await opened();
    const ann = store.ensure('Ann');
    const id = store.addTemplate(ann.id, photo());
    store.addTemplate(ann.id, photo());
    store.removeTemplate(id);
    expect(store.list()).toMatchObject([{ templates: 1 }]);
    store.remove('Ann');
    expect(db.prepare('SELECT COUNT(*) AS n FROM templates').get()).toEqual({ n: 0 });
  });

  it('cannot belong to nobody', async () => {
    const { store } = await opened();
    expect(() => store.addTemplate('nobody', photo())).toThrow(/FOREIGN KEY/);
  });

  it('survive the way into a blob and back, wherever it lies in memory', () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 1, noNaN: true }), fc.nat(3), (values, shift) => {
        const bytes = Buffer.concat([Buffer.alloc(shift), toBlob(values)]).subarray(shift);
        expect(fromBlob(bytes)).toEqual(values);
      }),
    );
  });
});
