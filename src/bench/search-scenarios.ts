import { totalmem } from 'node:os';
import { FaceEvalError } from '../domain/errors.js';
import type { Template } from '../domain/records.js';
import { normalise } from '../faces/embedder.js';
import { GalleryIndex } from '../gallery/gallery-index.js';
import type { StoredTemplate } from '../gallery/identity-store.js';
import type { OpenScenario, Scenario } from './scenario.js';

/** Length of a ResNet-50 template: the longest that faceeval makes. */
const DIMENSION = 512;
const TEMPLATES_PER_IDENTITY = 4;
const NEIGHBOURS = 5;

const SIZES: readonly { readonly name: string; readonly count: number; readonly quick: boolean }[] =
  [
    { name: '1k', count: 1_000, quick: true },
    { name: '10k', count: 10_000, quick: true },
    { name: '100k', count: 100_000, quick: false },
    { name: '1M', count: 1_000_000, quick: false },
  ];

/** Search for one probe in galleries of several sizes. */
export function searchScenarios(): Scenario[] {
  return SIZES.map(({ name, count, quick }) => ({
    id: `search/${name}`,
    model: `search in ${name} × ${DIMENSION}`,
    build: null,
    quick,
    open: () => openSearch(count),
  }));
}

async function openSearch(count: number): Promise<OpenScenario> {
  const vectorBytes = count * DIMENSION * Float32Array.BYTES_PER_ELEMENT;
  // The templates that are loaded, and the index's own copy of them.
  if (vectorBytes * 2.5 > totalmem()) {
    const neededGiB = ((vectorBytes * 2.5) / 1024 ** 3).toFixed(1);
    throw new FaceEvalError('USAGE', `it needs ${neededGiB} GiB of memory`);
  }
  const index = new GalleryIndex();
  index.load(randomTemplates(count, DIMENSION));
  const probe = randomTemplate(DIMENSION);
  return {
    run: async () => {
      index.search(probe, NEIGHBOURS);
    },
    precision: 'fp32',
    provider: 'wasm',
    threads: 1,
    sizeBytes: vectorBytes,
    batch: 1,
    note: 'exact; size is that of the vectors; peak memory includes making them',
  };
}

/** Random unit vectors, four to an identity. */
export function randomTemplates(count: number, dimension: number): StoredTemplate[] {
  return Array.from({ length: count }, (_, index) => {
    const number = Math.floor(index / TEMPLATES_PER_IDENTITY);
    const identity = { id: `id-${number}`, name: `Person ${number}` };
    return { id: `template-${index}`, identity, vector: randomTemplate(dimension), quality: 1 };
  });
}

function randomTemplate(dimension: number): Template {
  const vector = new Float32Array(dimension);
  for (let i = 0; i < dimension; i++) vector[i] = Math.random() + Math.random() - 1;
  return normalise(vector);
}
