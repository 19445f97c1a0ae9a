import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listNamedPhotos, whyUnreadable } from '../../src/cli/photo-files.js';
import { asNobody, staysRoot } from '../nobody.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-photos-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('photos', () => {
  it('are listed in both layouts, with blanks for underscores', () => {
    writeFileSync(join(folder, 'Ann_Lee.jpg'), '');
    writeFileSync(join(folder, 'notes.txt'), '');
    mkdirSync(join(folder, 'Sam'));
    writeFileSync(join(folder, 'Sam/b.png'), '');
    writeFileSync(join(folder, 'Sam/a.jpg'), '');
    expect(listNamedPhotos(folder)).toEqual(
      expect.arrayContaining([
        { name: 'Ann Lee', path: join(folder, 'Ann_Lee.jpg') },
        { name: 'Sam', path: join(folder, 'Sam/a.jpg') },
        { name: 'Sam', path: join(folder, 'Sam/b.png') },
      ]),
    );
  });

  it('of no or an empty folder are an error that says what to give', () => {
    expect(() => listNamedPhotos(join(folder, 'none'))).toThrow(/there is no folder/);
    expect(() => listNamedPhotos(folder)).toThrow(/there is no photo in/);
  });

  it.skipIf(staysRoot)(
    'that the user may not read are an error with the copy that the service may read',
    () => {
      const people = join(folder, 'home/people');
      mkdirSync(people, { recursive: true });
      chmodSync(folder, 0o755);
      chmodSync(join(folder, 'home'), 0);
      asNobody(() => {
        expect(() => listNamedPhotos(people)).toThrow(
          expect.objectContaining({
            code: 'USAGE',
            message: expect.stringContaining('sudo install -o faceeval -m 0400'),
          }),
        );
      });
      chmodSync(join(folder, 'home'), 0o700);
      const missing = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
      expect(whyUnreadable(missing)).toBe('ENOENT: no such file');
    },
  );
});
