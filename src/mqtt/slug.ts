import { createHash } from 'node:crypto';
import anyAscii from 'any-ascii';
import type { Identity } from '../domain/records.js';

const MAX_LENGTH = 40;
const HASH_LENGTH = 6;

/**
 * A name in letters that topics and entity ids may have: `Zoë Müller` → `zoe_muller`,
 * `Мария` → `mariya`. Two names can have one slug; see {@link personSlugs}.
 *
 * @returns Lower-case letters, digits and `_`, at most 40; empty when nothing is left.
 */
export function slugOf(name: string): string {
  return anyAscii(name.normalize('NFC'))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .slice(0, MAX_LENGTH)
    .replace(/^_+|_+$/g, '');
}

/**
 * A slug for each identity, unique among them and the same at every start: the identity that was
 * enrolled first keeps the plain slug, the others of that slug get a part of their id's hash.
 *
 * @returns Slug by identity id.
 */
export function personSlugs(identities: readonly Identity[]): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  const slugs = new Map<string, string>();
  // Ids are ULIDs: their order is that of enrolment.
  for (const { id, name } of identities.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const plain = slugOf(name);
    const slug = plain === '' || taken.has(plain) ? withHash(plain || 'person', id) : plain;
    taken.add(slug);
    slugs.set(id, slug);
  }
  return slugs;
}

function withHash(slug: string, id: string): string {
  const hash = createHash('sha256').update(id).digest('hex').slice(0, HASH_LENGTH);
  return `${slug}_${hash}`;
}
