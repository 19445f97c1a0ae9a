import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { pages, ROOT } from './pages.js';

const KNOWN = new Set(COMMANDS.map(({ usage }) => usage.split(' ')[0] ?? usage));

/** Words after "faceeval" where a command is meant: in backquotes, after a prompt or after sudo. */
function commandsIn(text: string): string[] {
  return [...text.matchAll(/(?:`|\$ |-u faceeval )faceeval ([a-z]+)\b/g)].map(
    ([, command = '']) => command,
  );
}

const unknownIn = (text: string): string[] => commandsIn(text).filter((name) => !KNOWN.has(name));

describe('commands that are named', () => {
  it('are found', () => {
    expect(
      commandsIn('try `faceeval doctor`\n$ faceeval run\nsudo -u faceeval faceeval hits'),
    ).toEqual(['doctor', 'run', 'hits']);
    expect(unknownIn('`faceeval nothing`')).toEqual(['nothing']);
  });

  it.each(pages().map((page) => [page.path, page.text] as const))(
    '%s names commands that there are',
    (_path, text) => expect(unknownIn(text)).toEqual([]),
  );

  it('are there where a message of the program names them', () => {
    const src = join(ROOT, 'src');
    const wrong = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) =>
        unknownIn(readFileSync(join(src, name), 'utf8').replaceAll('\\`', '`')).map(
          (command) => `${name}: faceeval ${command}`,
        ),
      );
    expect(wrong).toEqual([]);
  });
});
