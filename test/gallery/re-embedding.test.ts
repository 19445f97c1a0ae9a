import { describe, expect, it } from 'vitest';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { reembedGallery } from '../../src/gallery/re-embedding.js';
import type { Analysis } from '../../src/vision/messages.js';
import { openState } from '../daemon/state-folder.js';
import { randomFace, seededRandom } from './faces.js';

const random = seededRandom(2);

function answer(dimension = 64): Analysis {
  const at = { x: 0, y: 0 };
  const quality = { value: 1, interocularPx: 35, sharpness: 1, frontality: 1, luma: 100 };
  const face = {
    box: { ...at, width: 112, height: 112 },
    score: 1,
    landmarks: [at, at, at, at, at] as const,
    quality,
    template: randomFace(random, dimension),
    crop: new Uint8Array(),
  };
  return { ok: true, frame: { width: 112, height: 112 }, faces: [face] };
}

async function opened() {
  const db = await openState();
  const store = new IdentityStore(db);
  const enrol = (name: string, crop?: string) =>
    store.addTemplate(store.ensure(name).id, {
      ...{ family: 'old', build: 'old-fp32', quality: 0.4, source: 'photo.jpg' },
      vector: randomFace(random),
      crop: crop === undefined ? undefined : Buffer.from(crop),
    });
  const seen: string[] = [];
  const control = new AbortController();
  const embed = async (crop: Uint8Array): Promise<Analysis> => {
    seen.push(Buffer.from(crop).toString());
    return answer();
  };
  const base = { db, family: 'new', build: 'new-int8', embed, signal: control.signal };
  const run = (part: Partial<typeof base> = {}) => reembedGallery({ ...base, ...part });
  return { db, store, enrol, seen, control, run };
}

describe('reembedGallery', () => {
  it('makes a template of every crop, once, and keeps the old ones', async () => {
    const { db, store, enrol, seen, run } = await opened();
    const id = enrol('Ann', 'a1');
    enrol('Ann', 'a2');
    enrol('Bob', 'b1');
    expect(await run()).toEqual({ made: 3, failed: 0, unknown: [] });
    expect(seen).toEqual(['a1', 'a2', 'b1']);
    expect(
      store
        .templates('new')
        .map(({ identity }) => identity.name)
        .sort(),
    ).toEqual([...['Ann', 'Ann', 'Bob']]);
    expect(store.templates('old')).toHaveLength(3);
    const row = db.prepare(
      "SELECT build, quality, crop FROM templates WHERE source = 'template:' || ?",
    );
    expect(row.get(id)).toEqual({ build: 'new-int8', quality: 0.4, crop: null });

    expect(await run()).toEqual({ made: 0, failed: 0, unknown: [] });
    // Back to the old recogniser: what it made is there, and nothing is made of what was made.
    expect(await run({ family: 'old' })).toEqual({ made: 0, failed: 0, unknown: [] });
    expect(seen).toHaveLength(3);
  });

  it('names the people who have no crop', async () => {
    const { enrol, store, run } = await opened();
    enrol('Zoe');
    enrol('Ann', 'a1');
    store.ensure('Nobody yet');
    expect(await run()).toEqual({ made: 1, failed: 0, unknown: ['Zoe'] });
  });

  it('goes on after a crop that cannot be read', async () => {
    const { enrol, run } = await opened();
    enrol('Ann', 'bad');
    enrol('Bob', 'good');
    const embed = async (crop: Uint8Array): Promise<Analysis> =>
      Buffer.from(crop).toString() === 'bad' ? { ok: false, error: 'damaged' } : answer();
    expect(await run({ embed })).toEqual({ made: 1, failed: 1, unknown: ['Ann'] });
  });

  it('keeps what it made when the vision process ends, and goes on with the rest', async () => {
    const { enrol, seen, run } = await opened();
    for (const crop of ['1', '2', '3']) enrol('Ann', crop);
    let answers = 0;
    const dying = async () => {
      if (answers++ === 2) throw new Error('the vision process ended');
      return answer();
    };
    await expect(run({ embed: dying })).rejects.toThrow(/ended/);
    expect(await run()).toMatchObject({ made: 1 });
    expect(seen).toEqual(['3']);
  });

  it('brings nobody back who is removed meanwhile, and ends when asked to', async () => {
    const { store, enrol, control, run } = await opened();
    enrol('Ann', 'a');
    enrol('Bob', 'b');
    const forgetting = async () => {
      if (store.find('Ann') !== undefined) store.remove('Ann');
      return answer();
    };
    expect(await run({ embed: forgetting })).toMatchObject({ made: 1 });
    expect(store.list()).toMatchObject([{ name: 'Bob', templates: 1 }]);
    expect(store.templates('new')).toHaveLength(1);

    enrol('Bob', 'b2');
    const stopping = async () => {
      control.abort();
      return answer();
    };
    expect(await run({ embed: stopping })).toMatchObject({ made: 0 });
  });

  it('makes nothing twice when two runs overlap', async () => {
    const { store, enrol, run } = await opened();
    enrol('Ann', 'a');
    const reports = await Promise.all([run(), run()]);
    expect(reports.map(({ made }) => made).sort()).toEqual([0, 1]);
    expect(store.templates('new')).toHaveLength(1);
  });

  it('leaves nothing of a face whose template is removed, whichever is named', async () => {
    for (const family of ['old', 'new']) {
      const { store, enrol, run } = await opened();
      enrol('Ann', 'a');
      enrol('Ann', 'kept');
      await run();
      const [first] = store.templates(family).sort((a, b) => (a.id < b.id ? -1 : 1));
      store.removeTemplate(first?.id ?? '');
      expect(store.templates('old')).toHaveLength(1);
      expect(store.templates('new')).toHaveLength(1);
      expect(await run()).toMatchObject({ made: 0 });
    }
  });
});
