import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { FaceEvalError } from '../../src/domain/errors.js';
import { manualDocuments } from '../../src/manual/documents.js';
import { servicePage } from '../../src/manual/service-page.js';

const ROOT = join(import.meta.dirname, '../..');
const missing = (program: string): boolean => spawnSync(program, ['--version']).error !== undefined;

let documents: ReadonlyMap<string, string>;
beforeAll(async () => {
  documents = await manualDocuments();
  // It loads every command, OpenCV and ONNX Runtime with them.
}, 180_000);

const PAGES = readdirSync(join(ROOT, 'man')).map((name) => join(ROOT, 'man', name));

describe('man/ and completion/', () => {
  it('are what the commands, the schema and the unit say (`npm run docs` writes them)', () => {
    const kept = ['man', 'completion/bash', 'completion/zsh'].flatMap((folder) =>
      readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`),
    );
    expect([...documents.keys()].sort()).toEqual(kept.sort());
    for (const [path, text] of documents) {
      expect(readFileSync(join(ROOT, path), 'utf8'), path).toBe(text);
    }
  });

  it('tell of every command', () => {
    const page = documents.get('man/faceeval.1') ?? '';
    for (const { usage } of COMMANDS) {
      const name = usage.split(' ')[0];
      expect(page).toContain(`.SS "${name}"`);
    }
  });

  it('are ASCII, so that no locale is needed to read them', () => {
    for (const [path, text] of documents) {
      if (path.startsWith('man/'))
        expect(
          Buffer.from(text, 'utf8').every((byte) => byte < 128),
          path,
        ).toBe(true);
    }
  });

  it.skipIf(missing('groff')).each(PAGES)(
    '%s is understood by groff without a warning',
    { timeout: 180_000 },
    (page) => {
      const { stderr, status } = spawnSync('groff', ['-ww', '-man', '-z', page], {
        encoding: 'utf8',
      });
      expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    },
  );

  it.skipIf(spawnSync('mandoc', ['-Tlint', '/dev/null']).error !== undefined).each(PAGES)(
    '%s is understood by mandoc without a warning',
    (page) => {
      const { stdout } = spawnSync('mandoc', ['-Tlint', '-W', 'warning', page], {
        encoding: 'utf8',
      });
      expect(stdout).toBe('');
    },
  );

  it('name no limit that the unit does not set', () => {
    const head = { date: '2026-01-01', program: 'faceeval' };
    expect(() => servicePage('[Service]\nUser=faceeval\n', head)).toThrow(FaceEvalError);
  });
});

/** What bash offers after `line`, whose last word is the one being typed. */
function bashOffers(program: string, ...line: readonly string[]): string[] {
  const script = `
    source "$1"; program="$2"; shift 2
    COMP_WORDS=("$program" "$@"); COMP_CWORD=$#
    "_\${program//-/_}"; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync(
    'bash',
    ['-c', script, 'bash', join(ROOT, 'completion/bash', program), program, ...line],
    { encoding: 'utf8' },
  );
  return out.split('\n').filter(Boolean);
}

describe('completion in bash', () => {
  it('offers every command, and those that begin as typed', () => {
    expect(bashOffers('faceeval', '')).toEqual(COMMANDS.map(({ usage }) => usage.split(' ')[0]));
    expect(bashOffers('faceeval', 'cal')).toEqual(['calibrate']);
  });

  it('offers the options of the command and of all commands', () => {
    expect(bashOffers('faceeval', 'calibrate', '--')).toEqual(
      expect.arrayContaining(['--far', '--dry-run', '--config', '--json', '--help']),
    );
    expect(bashOffers('faceeval', 'calibrate', '--d')).toEqual(['--dry-run']);
    expect(bashOffers('faceeval-bench', '--co')).toEqual(['--compare']);
  });

  it('offers the values of an option, and of the first word of a command', () => {
    expect(bashOffers('faceeval', 'calibrate', '--far', '')).toEqual(['0.01', '0.001', '0.0001']);
    expect(bashOffers('faceeval', 'config', 'pr')).toEqual(['print']);
  });

  it('leaves files to bash: after options with a value, and where photos stand', () => {
    expect(bashOffers('faceeval', 'enroll', '--from', '')).toEqual([]);
    expect(bashOffers('faceeval', 'identify', '')).toEqual([]);
    expect(bashOffers('faceeval', 'config', 'print', '')).toEqual([]);
  });

  it('finds the command behind options and their values', () => {
    expect(bashOffers('faceeval', '--config', 'run', '--json', 'calibrate', '--d')).toEqual([
      '--dry-run',
    ]);
  });
});

describe.skipIf(missing('zsh'))('completion in zsh', () => {
  it.each(['_faceeval', '_faceeval-bench'])('%s has no mistake', (name) => {
    const { stderr, status } = spawnSync('zsh', ['-n', join(ROOT, 'completion/zsh', name)], {
      encoding: 'utf8',
    });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });
});
