import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { debianCopyright } from '../../src/release/copyright.js';

const MIT = 'The MIT License\n\nCopyright (c) 2020 Ada\n\nPermission is granted.\n\nNo warranty.\n';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'faceeval-copyright-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function install(folder: string, manifest: object, files: Record<string, string> = {}): void {
  const path = join(root, 'node_modules', folder);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), JSON.stringify({ version: '1.0.0', ...manifest }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
}

const write = (): string[] => debianCopyright(root, 'Format: x\n').split('\n\n');

describe("a package's copyright file", () => {
  it('has a paragraph for each module, wherever it lies, and each licence once', () => {
    install('@s/a', { name: '@s/a', license: 'MIT' }, { NOTICE: 'see', 'license.txt': MIT });
    install('@s/a/node_modules/b', { name: 'b', license: '(MIT OR Apache-2.0)', author: 'Bo' });
    expect(write()).toEqual([
      'Format: x',
      [
        'Files: usr/lib/faceeval/node_modules/@s/a/*',
        'Copyright: 2020 Ada',
        'License: MIT',
        'Comment: @s/a 1.0.0; its text: /usr/lib/faceeval/node_modules/@s/a/license.txt',
      ].join('\n'),
      [
        'Files: usr/lib/faceeval/node_modules/@s/a/node_modules/b/*',
        'Copyright: Bo',
        'License: MIT or Apache-2.0',
        'Comment: b 1.0.0',
      ].join('\n'),
      expect.stringMatching(/^License: Apache-2\.0\n .*common-licenses\/Apache-2\.0\.$/),
      'License: MIT\n Permission is granted.\n .\n No warranty.\n',
    ]);
  });

  it('takes an author and a licence that are worded as objects', () => {
    install('a', { name: 'a', licenses: [{ type: 'MIT' }], author: { name: 'Eve' } });
    install('m', { name: 'm', license: 'MIT' }, { LICENSE: MIT });
    expect(write()[1]).toContain('Copyright: Eve\nLicense: MIT');
  });

  it('refuses a module without a licence, and a licence without a text', () => {
    install('m', { name: 'm', license: 'MIT' }, { LICENSE: MIT });
    install('z', { name: 'z' });
    expect(write).toThrow(/node_modules\/z states no licence/);
    install('z', { name: 'z', license: 'Rare-1.0' });
    expect(write).toThrow('no module comes with the text of the licence Rare-1.0');
  });
});
