import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { literalsOf, pages, ROOT, tableRows } from './pages.js';

const SRC = join(ROOT, 'src');

/** All of src as one text, with texts that run over several lines in one piece. */
const source = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(SRC, name), 'utf8'))
  .join('\n')
  .replace(/['`] \+\n\s*['`]/g, '');

const page = pages().find(({ path }) => path === 'docs/troubleshooting.md');
const messages = tableRows(page ?? { path: '', text: '' }, 'message').flatMap(([first = '']) =>
  literalsOf(first),
);

describe('docs/troubleshooting.md', () => {
  it('has messages', () => {
    expect(messages.length).toBeGreaterThan(35);
  });

  it.each(messages)('%s is what the program says', (message) => {
    // An ellipsis stands for what differs each time.
    const parts = message.split('…').filter((part) => part.trim().length > 5);
    expect(parts).not.toEqual([]);
    for (const part of parts) expect(source).toContain(part);
  });

  it('explains every reason for which a camera can be lost', () => {
    const reasons = readFileSync(join(SRC, 'vision/camera/failure-reason.ts'), 'utf8');
    const texts = [...reasons.matchAll(/'((?:the|another|no|nothing|there|it) [^']{12,})'/g)].map(
      (match) => match[1],
    );
    expect(texts.length).toBeGreaterThan(15);
    expect(texts.filter((text) => text !== undefined && !messages.includes(text))).toEqual([]);
  });
});
