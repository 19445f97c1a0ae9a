import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pages, ROOT, tableRows } from './pages.js';

const RESEARCH = join(process.env.FACEEVAL_SHARED ?? join(ROOT, '../shared'), 'research');
/** Mentioned in the research, but the answer to a thread, or no thread at all ("my #1 request"). */
const NO_COMPLAINTS = ['433', '1'];

const numbersOf = (text: string): string[] => [...text.matchAll(/#(\d+)/g)].map(([, n = '']) => n);

interface NamedTest {
  readonly file: string;
  readonly title: string;
}

/** `test/a.test.ts`: “one title”, “another”; `test/b.test.ts`: “a third” */
function namedTests(text: string): NamedTest[] {
  const groups = [...text.matchAll(/`(test\/[^`]+)`:\s*((?:“[^”]+”(?:,\s*)?)+)/g)];
  return groups.flatMap(([, file = '', titles = '']) =>
    [...titles.matchAll(/“([^”]+)”/g)].map(([, title = '']) => ({ file, title })),
  );
}

function hasTest({ file, title }: NamedTest): boolean {
  const path = join(ROOT, file);
  if (!existsSync(path)) return false;
  const escaped = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  // it('…'), it.skipIf(…)('…'), it.each(…)('…'): what stands before the title ends in a bracket.
  return new RegExp(`\\(\\s*['"\`]${escaped}['"\`],`).test(readFileSync(path, 'utf8'));
}

const named = pages().flatMap(({ path, text }) =>
  namedTests(text).map((test) => [path, test.file, test.title] as const),
);

describe('tests that the documents name', () => {
  it('are found', () => {
    expect(named.filter(([page]) => page === 'docs/complaints.md').length).toBeGreaterThan(40);
    expect(named.filter(([page]) => page === 'docs/privacy.md').length).toBeGreaterThan(10);
    expect(hasTest({ file: 'test/docs/named-tests.test.ts', title: 'are found' })).toBe(true);
    expect(hasTest({ file: 'test/docs/named-tests.test.ts', title: 'no such title' })).toBe(false);
  });

  it.each(named)('%s names %s: %s', (_page, file, title) => {
    expect(hasTest({ file, title })).toBe(true);
  });
});

describe('docs/complaints.md', () => {
  const page = pages().find(({ path }) => path === 'docs/complaints.md');
  const rows = page === undefined ? [] : tableRows(page, 'complaint');

  it.skipIf(!existsSync(RESEARCH))(
    'leaves out no thread that was read (needs the research)',
    () => {
      const listed = new Set(numbersOf(page?.text ?? ''));
      const read = ['peers.md', 'peers-second-pass.md'].flatMap((name) => {
        const text = readFileSync(join(RESEARCH, name), 'utf8');
        return numbersOf(text.slice(text.indexOf('\n## 3.'), text.indexOf('\n## 4.')));
      });
      expect(new Set(read).size).toBeGreaterThan(100);
      expect(
        read.filter((number) => !listed.has(number) && !NO_COMPLAINTS.includes(number)),
      ).toEqual([]);
    },
  );

  it('names a test in every row, or says that the complaint is open', () => {
    expect(rows.length).toBeGreaterThan(40);
    const unanswered = rows.filter(
      ([, answer = '', proof = '']) =>
        namedTests(proof).length === 0 && !answer.includes('**Open**'),
    );
    expect(unanswered).toEqual([]);
  });
});
