import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Page, pages, ROOT } from './pages.js';

/** Where a heading can be linked to, as GitHub names it. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

function brokenLinksOf({ path, text }: Page): string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? join(ROOT, path) : join(ROOT, dirname(path), file);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
    });
}

describe('links between the documents', () => {
  it.each(pages().map((page) => [page.path, page] as const))(
    '%s leads nowhere wrong',
    (_, page) => {
      expect(brokenLinksOf(page)).toEqual([]);
    },
  );

  it('lead to every document from the README', () => {
    const readme = pages().find(({ path }) => path === 'README.md')?.text ?? '';
    const unnamed = pages()
      .map(({ path }) => path)
      .filter((path) => path !== 'README.md' && !readme.includes(`(${path})`));
    expect(unnamed).toEqual([]);
  });
});
